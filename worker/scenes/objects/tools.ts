import type { Vec3 } from '../linear.ts';
import {
  ball,
  box,
  circle,
  cylinder,
  ellipsoid,
  extrude,
  lathe,
  move,
  paint,
  part,
  reversed,
  ring,
  trim,
  tube,
  turn,
} from '../model/index.ts';
import type { Category } from './category.ts';

const tool: Pick<Category, 'materials' | 'patterns' | 'tumbles'> = {
  materials: ['metal'],
  patterns: ['plain'],
  tumbles: true,
};
const steel = paint('silver', 'metal');
const wood = paint([0xb98248, 0x8a5a2c], 'wood', { pattern: 'wood', period: 0.05 });
const alongX = (shape: ReturnType<typeof cylinder>): ReturnType<typeof cylinder> => turn(shape, 'y', 90);

export const TOOLS: readonly Category[] = [
  {
    name: 'hammer',
    ...tool,
    colours: ['brown', 'red', 'blue', 'yellow'],
    build: (s) => [
      part(
        'handle',
        s.colour === 'brown' ? wood : paint(s.colour, 'rubber'),
        tube(
          [
            [-0.17, 0, 0.025],
            [-0.08, 0, 0.025],
            [0.1, 0, 0.025],
          ],
          [0.02, 0.016, 0.014],
        ),
      ),
      part(
        'head',
        paint(0x6d7075, 'metal'),
        move(turn(cylinder(0.026, 0.07, 0.026, 18), 'x', 90), 0.11, 0, 0.027),
        move(
          turn(
            lathe([
              [0, 0],
              [0.034, 0],
              [0.034, 0.022],
              [0.024, 0.034],
            ]),
            'x',
            -90,
          ),
          0.11,
          -0.1,
          0.027,
        ),
        tube(
          [
            [0.11, 0, 0.027],
            [0.112, 0.05, 0.027],
            [0.098, 0.1, 0.027],
          ],
          [0.024, 0.02, 0.008],
          { flatten: 1 },
        ),
      ),
    ],
  },
  {
    name: 'screwdriver',
    ...tool,
    colours: ['red', 'yellow', 'blue', 'green', 'orange'],
    build: (s) => [
      part(
        'handle',
        paint([s.colour, 'black'], 'plastic', { pattern: 'stripes' }),
        move(
          alongX(
            lathe([
              [0, 0],
              [0.022, 0.004],
              [0.03, 0.03],
              [0.028, 0.09],
              [0.018, 0.115],
              [0.026, 0.125],
              [0.02, 0.14],
            ]),
          ),
          -0.16,
          0,
          0.03,
        ),
      ),
      part(
        'shaft',
        steel,
        move(alongX(cylinder(0.0085, 0.13, 0.0085, 12)), -0.025, 0, 0.03),
        move(box(0.04, 0.022, 0.007, 0.002), 0.115, 0, 0.03),
      ),
    ],
  },
  {
    name: 'wrench',
    ...tool,
    colours: ['silver', 'black', 'red', 'blue'],
    build: (s) => {
      const jaw = (cx: number, side: number): [number, number][] => {
        const points: [number, number][] = [];
        for (let i = 0; i <= 14; i++) {
          const a = 0.55 + ((2 * Math.PI - 1.1) * i) / 14;
          points.push([cx + side * 0.05 * Math.cos(a), 0.05 * Math.sin(a)]);
        }
        points.push([cx + side * 0.006, -0.021], [cx + side * 0.006, 0.021]);
        return side > 0 ? points : points.reverse();
      };
      return [
        part('head', s.base, move(extrude(jaw(0.14, 1), 0.022), 0, 0, 0)),
        part('ring', s.base, move(extrude(circle(0.044, 24), 0.022, [reversed(circle(0.024, 6))]), -0.14, 0, 0)),
        part('handle', s.base, move(box(0.2, 0.038, 0.016, 0.005), 0, 0, 0.011)),
      ];
    },
  },
  {
    name: 'scissors',
    ...tool,
    colours: ['red', 'orange', 'blue', 'green', 'purple', 'black'],
    build: (s) => {
      const loops = [1, -1].map((k) => {
        const points: Vec3[] = Array.from({ length: 10 }, (_, i) => [
          -0.105 + 0.046 * Math.cos((i * Math.PI) / 5),
          k * (0.047 + 0.033 * Math.sin((i * Math.PI) / 5)),
          0.012,
        ]);
        return tube(points, 0.0105, { closed: true, segments: 10 });
      });
      const blade = (k: number) =>
        turn(
          extrude(
            k > 0
              ? [
                  [-0.045, -0.013],
                  [0.17, -0.001],
                  [0.06, 0.017],
                  [-0.045, 0.013],
                ]
              : [
                  [-0.045, -0.013],
                  [0.06, -0.017],
                  [0.17, 0.001],
                  [-0.045, 0.013],
                ],
            0.007,
          ),
          'z',
          9 * k,
        );
      return [
        part(
          'handle',
          paint(s.colour, 'plastic'),
          ...loops,
          ...[1, -1].map((k) =>
            tube(
              [
                [-0.068, k * 0.035, 0.012],
                [-0.03, -k * 0.004 + k * 0.01, 0.012],
              ],
              0.011,
            ),
          ),
        ),
        part('blade', steel, move(blade(1), 0, 0, 0.012), move(blade(-1), 0, 0, 0.005)),
        trim('screw', paint('black', 'metal'), move(cylinder(0.009, 0.01, 0.009, 12), 0, 0, 0.013)),
      ];
    },
  },
  {
    name: 'key',
    ...tool,
    colours: ['gold', 'silver', 'red', 'blue'],
    build: (s) => [
      part('bow', s.base, move(extrude(circle(0.058, 28), 0.022, [reversed(circle(0.034, 20))]), -0.1, 0, 0)),
      part('shaft', s.base, move(alongX(cylinder(0.013, 0.19, 0.013, 12)), -0.045, 0, 0.011)),
      part(
        'teeth',
        s.base,
        move(box(0.022, 0.055, 0.018, 0.003), 0.125, 0.03, 0.011),
        move(box(0.02, 0.038, 0.018, 0.003), 0.085, 0.02, 0.011),
        move(box(0.016, 0.05, 0.018, 0.003), 0.055, 0.027, 0.011),
      ),
    ],
  },
  {
    name: 'saw',
    ...tool,
    colours: ['brown', 'red', 'yellow', 'black'],
    build: (s) => {
      const teeth: [number, number][] = [];
      for (let i = 0; i <= 13; i++)
        teeth.push([-0.06 + 0.0175 * i, -0.05 + 0.0012 * i], [-0.051 + 0.0175 * i, -0.038 + 0.0012 * i]);
      return [
        part('blade', steel, extrude([...teeth, [0.19, -0.01], [0.18, 0.012], [-0.06, 0.045]], 0.009)),
        part(
          'handle',
          s.colour === 'brown' ? wood : paint(s.colour, 'plastic'),
          move(
            extrude(
              [
                [-0.16, -0.045],
                [-0.12, -0.062],
                [-0.05, -0.055],
                [-0.04, 0],
                [-0.05, 0.05],
                [-0.12, 0.058],
                [-0.15, 0.045],
              ],
              0.026,
              [
                reversed([
                  [-0.125, -0.03],
                  [-0.085, -0.03],
                  [-0.078, 0],
                  [-0.085, 0.03],
                  [-0.12, 0.03],
                ]),
              ],
            ),
            0,
            0,
            -0.008,
          ),
        ),
      ];
    },
  },
  {
    name: 'paintbrush',
    ...tool,
    materials: ['wood'],
    colours: ['red', 'blue', 'green', 'yellow', 'purple'],
    build: (s) => [
      part(
        'handle',
        paint('brown', 'wood'),
        tube(
          [
            [-0.17, 0, 0.016],
            [-0.06, 0, 0.016],
            [0.0, 0, 0.016],
          ],
          [0.01, 0.018, 0.026],
          { flatten: 0.6 },
        ),
      ),
      part('ferrule', steel, move(box(0.05, 0.072, 0.03, 0.006), 0.03, 0, 0.016)),
      part('bristles', paint(0xe8d6a8, 'fabric'), move(box(0.06, 0.07, 0.026, 0.006), 0.078, 0, 0.016)),
      part('tip', paint(s.colour, 'fabric', { gloss: 0.4 }), move(box(0.05, 0.072, 0.028, 0.01), 0.12, 0, 0.016)),
    ],
  },
  {
    name: 'torch',
    ...tool,
    materials: ['plastic'],
    colours: ['red', 'blue', 'black', 'yellow', 'green'],
    build: (s) => [
      part(
        'body',
        paint(s.colour, 'plastic'),
        move(
          alongX(
            lathe([
              [0, 0],
              [0.028, 0.003],
              [0.03, 0.014],
              [0.026, 0.02],
              [0.026, 0.15],
            ]),
          ),
          -0.14,
          0,
          0.046,
        ),
      ),
      part(
        'head',
        paint('black', 'rubber'),
        move(
          alongX(
            lathe([
              [0.026, 0],
              [0.046, 0.04],
              [0.046, 0.075],
              [0.04, 0.076],
            ]),
          ),
          0.01,
          0,
          0.046,
        ),
      ),
      trim('lens', paint(0xfff6c8, 'glass'), move(alongX(cylinder(0.041, 0.01)), 0.076, 0, 0.046)),
      trim('switch', paint('white', 'plastic'), move(box(0.036, 0.016, 0.012, 0.004), -0.04, 0, 0.074)),
    ],
  },
  {
    name: 'magnifier',
    ...tool,
    materials: ['plastic'],
    colours: ['black', 'brown', 'red', 'gold'],
    build: (s) => [
      part('rim', paint(s.colour, 'plastic'), move(ring(0.078, 0.012, 12), 0.07, 0, 0.014)),
      part('lens', paint(0xa8cfe0, 'glass'), move(cylinder(0.072, 0.008), 0.07, 0, 0.01)),
      part(
        'handle',
        paint(s.colour === 'brown' ? 'black' : 'brown', 'wood'),
        move(
          alongX(
            lathe([
              [0, 0],
              [0.016, 0.004],
              [0.018, 0.05],
              [0.011, 0.1],
              [0.013, 0.125],
            ]),
          ),
          -0.14,
          0,
          0.016,
        ),
      ),
    ],
  },
  {
    name: 'pencil',
    ...tool,
    materials: ['wood'],
    colours: ['yellow', 'red', 'blue', 'green', 'purple'],
    build: (s) => [
      part(
        'shaft',
        paint(s.colour, 'wood', { gloss: 0.3 }),
        move(alongX(cylinder(0.022, 0.21, 0.022, 6)), -0.11, 0, 0.02),
      ),
      part('tip', paint(0xe6c08a, 'wood'), move(alongX(cylinder(0.022, 0.045, 0.007, 12)), 0.1, 0, 0.02)),
      trim(
        'lead',
        paint(s.colour === 'yellow' ? 'black' : s.colour, 'wood'),
        move(alongX(cylinder(0.008, 0.018, 0, 10)), 0.144, 0, 0.02),
      ),
      part('ferrule', paint('silver', 'metal'), move(alongX(cylinder(0.0225, 0.026, 0.0225, 14)), -0.136, 0, 0.02)),
      part('rubber', paint(0xe58a94, 'rubber'), move(alongX(cylinder(0.021, 0.03, 0.021, 14)), -0.165, 0, 0.02)),
    ],
  },
  {
    name: 'umbrella',
    ...tool,
    materials: ['fabric'],
    patterns: ['plain', 'segments'],
    colours: ['red', 'blue', 'yellow', 'purple', 'green'],
    tumbles: false,
    build: (s) => [
      part(
        'canopy',
        paint([s.colour, s.accent], 'fabric', { pattern: 'segments' }),
        lathe(
          [
            [0.17, 0.16],
            [0.155, 0.2],
            [0.11, 0.245],
            [0.05, 0.27],
            [0, 0.278],
          ],
          8,
        ),
        lathe(
          [
            [0, 0.272],
            [0.11, 0.238],
            [0.17, 0.16],
          ],
          8,
        ),
      ),
      part('pole', paint('grey', 'metal'), move(cylinder(0.007, 0.23, 0.007, 10), 0, 0, 0.05)),
      part(
        'handle',
        paint('brown', 'wood'),
        tube(
          [
            [0, 0, 0.06],
            [0, 0, 0.03],
            [0.02, 0, 0.01],
            [0.042, 0, 0.024],
          ],
          0.011,
        ),
      ),
      trim('tip', paint('grey', 'metal'), move(cylinder(0.006, 0.03, 0.003, 8), 0, 0, 0.276)),
    ],
  },
  {
    name: 'brush',
    ...tool,
    materials: ['wood'],
    colours: ['brown', 'blue', 'pink', 'teal'],
    build: (s) => [
      part(
        'handle',
        s.colour === 'brown' ? wood : paint(s.colour, 'plastic'),
        tube(
          [
            [-0.15, 0, 0.05],
            [-0.06, 0, 0.05],
            [0, 0, 0.05],
          ],
          [0.016, 0.014, 0.02],
        ),
        move(ellipsoid(0.078, 0.042, 0.014), 0.07, 0, 0.05),
      ),
      part(
        'bristles',
        paint('black', 'fabric'),
        ...[-0.02, 0, 0.02].flatMap((y) =>
          [0.02, 0.05, 0.08, 0.11].map((x) => move(cylinder(0.011, 0.045, 0.011, 8), x, y, 0)),
        ),
      ),
    ],
  },
  {
    name: 'bell',
    ...tool,
    colours: ['gold', 'silver', 'red'],
    tumbles: false,
    build: (s) => [
      part(
        'body',
        paint(s.colour, 'metal'),
        lathe([
          [0.1, 0.01],
          [0.092, 0.02],
          [0.066, 0.05],
          [0.056, 0.1],
          [0.04, 0.128],
          [0, 0.138],
        ]),
        lathe([
          [0, 0.09],
          [0.06, 0.05],
          [0.1, 0.01],
        ]),
      ),
      part(
        'handle',
        paint('brown', 'wood'),
        move(
          lathe(
            [
              [0.016, 0],
              [0.012, 0.03],
              [0.022, 0.07],
              [0.015, 0.09],
              [0, 0.096],
            ],
            16,
          ),
          0,
          0,
          0.132,
        ),
      ),
      trim('clapper', paint('black', 'metal'), move(ball(0.02, 12), 0, 0, 0.018)),
    ],
  },
];
