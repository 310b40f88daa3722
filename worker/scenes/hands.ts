import type { ObjectPart } from './model/index.ts';
import { box, ellipsoid, move, paint, part, type Shape, stretch, tube, turn } from './model/index.ts';

const skin = paint(0xd9a27e, 'leather', { gloss: 0.08 });

/**
 * A right arm: the grip (where a held thing's near side is) at the origin, fingers curled forward along +z, forearm and sleeve running
 * back along −z. The left arm is its mirror image in x.
 */
export function armParts(side: 'right' | 'left', sleeve: number): ObjectPart[] {
  const fingers: Shape[] = [-0.03, -0.01, 0.01, 0.029].map((y, i) =>
    tube(
      [
        [0.03, y, -0.03],
        [0.038, y, 0.02],
        [0.022, y * 0.95, 0.058 - 0.004 * Math.abs(i - 1.5)],
        [-0.018, y * 0.9, 0.066 - 0.004 * Math.abs(i - 1.5)],
      ],
      [0.0115, 0.0105, 0.0095, 0.0085],
      { segments: 8 },
    ),
  );
  const shapes: Shape[] = [
    stretch(move(ellipsoid(0.026, 0.042, 0.052), 0.026, 0, -0.05), 1, 1, 1),
    ...fingers,
    tube(
      [
        [0.012, -0.038, -0.06],
        [-0.026, -0.042, -0.02],
        [-0.04, -0.026, 0.02],
      ],
      [0.014, 0.0125, 0.009],
      { segments: 8 },
    ),
    tube(
      [
        [0.03, 0, -0.08],
        [0.036, 0, -0.2],
      ],
      [0.026, 0.033],
      { segments: 14 },
    ),
  ];
  const cloth: Shape[] = [
    tube(
      [
        [0.036, 0, -0.16],
        [0.04, 0, -0.34],
        [0.05, 0.02, -0.62],
      ],
      [0.044, 0.05, 0.062],
      { segments: 14 },
    ),
    move(turn(box(0.1, 0.094, 0.02, 0.009), 'z', 0), 0.036, 0, -0.155),
  ];
  const mirrored = (shape: Shape): Shape => (side === 'left' ? stretch(shape, -1, 1, 1) : shape);
  return [part('hand', skin, ...shapes.map(mirrored)), part('sleeve', paint(sleeve, 'fabric'), ...cloth.map(mirrored))];
}
