import type { Vec3 } from '../linear.ts';
import {
  ball,
  bend,
  box,
  cylinder,
  ellipsoid,
  extrude,
  lathe,
  move,
  paint,
  part,
  ring,
  stretch,
  trim,
  tube,
  turn,
} from '../model/index.ts';
import type { Category } from './category.ts';

const food: Pick<Category, 'materials' | 'patterns' | 'tumbles'> = {
  materials: ['food'],
  patterns: ['plain'],
  tumbles: true,
};
const stemPaint = paint(0x5a3a1c, 'wood');
const leafPaint = paint(0x4b9a3c, 'food');
const leaf = (length: number): ReturnType<typeof ellipsoid> =>
  move(ellipsoid(length / 2, length / 4, 0.006, 12), length / 2, 0, 0);

/** Spreads `count` small pieces evenly over directions of the upper side. */
const spiral = (count: number): { angle: number; share: number }[] =>
  Array.from({ length: count }, (_, i) => ({ angle: i * 2.39996, share: (i + 0.5) / count }));

export const FOOD: readonly Category[] = [
  {
    name: 'donut',
    ...food,
    colours: ['pink', 'brown', 'white', 'yellow', 'teal'],
    build: (s) => {
      const [radius, thick] = [0.078, 0.045];
      const sprinkles = spiral(34).map(({ angle, share }) => {
        const off = (share - 0.5) * 1.7;
        const d = radius + thick * 0.98 * Math.sin(off);
        const piece = turn(turn(ellipsoid(0.011, 0.0045, 0.0045, 8), 'z', (angle * 1800) % 360), 'y', 0);
        return move(piece, d * Math.cos(angle), d * Math.sin(angle), 0.045 + 0.046 * Math.cos(off));
      });
      return [
        part('dough', paint(0xc98f4e, 'food'), move(ring(radius, thick, 16), 0, 0, 0.045)),
        part('icing', s.base, move(stretch(ring(radius, thick * 0.93, 16), 1, 1, 1), 0, 0, 0.0505)),
        trim('sprinkles', paint(s.accent, 'food'), ...sprinkles.filter((_, i) => i % 2 === 0)),
        trim(
          'sprinkles',
          paint(s.colour === 'yellow' ? 'red' : 'yellow', 'food'),
          ...sprinkles.filter((_, i) => i % 2 === 1),
        ),
      ];
    },
  },
  {
    name: 'banana',
    ...food,
    colours: ['yellow', 'green'],
    build: (s) => {
      const arc = (a: number): Vec3 => [0.17 * Math.sin(a), 0.17 - 0.17 * Math.cos(a), 0.032];
      return [
        part(
          'fruit',
          s.base,
          tube([-0.75, -0.5, -0.2, 0.2, 0.5, 0.75].map(arc), [0.016, 0.03, 0.034, 0.034, 0.03, 0.014], { segments: 7 }),
        ),
        part('stem', paint(0x6b5424, 'wood'), tube([0.76, 0.87, 0.95].map(arc), [0.012, 0.009, 0.011])),
        trim('tip', paint(0x3a2c18, 'wood'), move(ball(0.0125, 10), ...(arc(-0.79) as [number, number, number]))),
      ];
    },
  },
  {
    name: 'apple',
    ...food,
    colours: ['red', 'green', 'yellow'],
    build: (s) => [
      part(
        'fruit',
        s.base,
        lathe([
          [0, 0.014],
          [0.025, 0],
          [0.055, 0.012],
          [0.078, 0.05],
          [0.082, 0.085],
          [0.066, 0.124],
          [0.035, 0.136],
          [0.012, 0.124],
          [0, 0.116],
        ]),
      ),
      trim(
        'stem',
        stemPaint,
        tube(
          [
            [0, 0, 0.114],
            [0.003, 0, 0.145],
            [0.012, 0, 0.168],
          ],
          0.005,
        ),
      ),
      trim('leaf', leafPaint, move(turn(leaf(0.07), 'y', -25), 0.006, 0, 0.148)),
    ],
  },
  {
    name: 'pear',
    ...food,
    colours: ['green', 'yellow'],
    build: (s) => [
      part(
        'fruit',
        s.base,
        lathe([
          [0, 0.008],
          [0.025, 0],
          [0.06, 0.018],
          [0.076, 0.058],
          [0.064, 0.1],
          [0.04, 0.135],
          [0.034, 0.165],
          [0.024, 0.184],
          [0, 0.188],
        ]),
      ),
      trim(
        'stem',
        stemPaint,
        tube(
          [
            [0, 0, 0.184],
            [0.004, 0, 0.205],
            [0.014, 0, 0.222],
          ],
          0.0055,
        ),
      ),
      trim('leaf', leafPaint, move(turn(leaf(0.06), 'y', -20), 0.006, 0, 0.2)),
    ],
  },
  {
    name: 'carrot',
    ...food,
    colours: ['orange', 'purple'],
    build: (s) => [
      part(
        'root',
        s.base,
        tube(
          [
            [-0.13, 0, 0.04],
            [-0.03, 0, 0.04],
            [0.07, 0, 0.04],
          ],
          [0.007, 0.026, 0.038],
        ),
      ),
      part(
        'leaves',
        leafPaint,
        ...[-28, -10, 10, 28].map((a, i) =>
          move(
            turn(turn(stretch(ellipsoid(0.062, 0.014, 0.012, 10), 1, 1, 1), 'y', i % 2 ? -14 : 16), 'z', a),
            0.1 + 0.045 * Math.cos((a * Math.PI) / 180),
            0.06 * Math.sin((a * Math.PI) / 180),
            0.042,
          ),
        ),
      ),
    ],
  },
  {
    name: 'mushroom',
    ...food,
    colours: ['red', 'brown', 'purple', 'white'],
    build: (s) => [
      part(
        'cap',
        paint([s.colour, s.colour === 'white' ? 'brown' : 'white'], 'food', { pattern: 'dots', period: 0.075 }),
        lathe([
          [0.03, 0.085],
          [0.1, 0.078],
          [0.108, 0.095],
          [0.09, 0.135],
          [0.05, 0.165],
          [0, 0.174],
        ]),
      ),
      part(
        'stem',
        paint(0xf0e3c8, 'food'),
        lathe([
          [0, 0],
          [0.036, 0],
          [0.04, 0.02],
          [0.028, 0.06],
          [0.032, 0.09],
        ]),
      ),
    ],
  },
  {
    name: 'cupcake',
    ...food,
    tumbles: false,
    colours: ['pink', 'white', 'teal', 'brown', 'purple'],
    build: (s) => [
      part(
        'wrapper',
        paint([s.accent, 'white'], 'paper', { pattern: 'stripes' }),
        lathe([
          [0, 0],
          [0.056, 0],
          [0.08, 0.085],
          [0.076, 0.085],
        ]),
      ),
      part(
        'icing',
        s.base,
        ...[
          [0.07, 0.098, 0.026],
          [0.05, 0.13, 0.024],
          [0.027, 0.158, 0.02],
        ].map(([r, z, t]) => move(ring(r! * 0.62, t! * 1.25, 14), 0, 0, z!)),
        move(ellipsoid(0.04, 0.04, 0.075, 14), 0, 0, 0.115),
      ),
      trim('cherry', paint('red', 'plastic'), move(ball(0.022, 14), 0, 0, 0.2)),
    ],
  },
  {
    name: 'ice-cream',
    ...food,
    colours: ['pink', 'brown', 'white', 'teal', 'yellow'],
    build: (s) => [
      part(
        'cone',
        paint([0xd9a05b, 0xa86f34], 'food', { pattern: 'checker', period: 0.09 }),
        lathe([
          [0, 0],
          [0.012, 0.004],
          [0.056, 0.15],
          [0.05, 0.152],
        ]),
      ),
      part('scoop', s.base, move(ball(0.06), 0, 0, 0.175), move(stretch(ring(0.05, 0.012, 8), 1, 1, 1), 0, 0, 0.155)),
      part('scoop', s.second, move(ball(0.047), 0, 0, 0.245)),
    ],
  },
  {
    name: 'watermelon',
    ...food,
    colours: ['green'],
    build: () => [
      part(
        'rind',
        paint([0x2e7d3a, 0x9ccb6a], 'food', { pattern: 'melon', gloss: 0.25 }),
        move(turn(ellipsoid(0.1, 0.1, 0.125, 26), 'y', 90), 0, 0, 0.1),
      ),
      trim(
        'stem',
        stemPaint,
        tube(
          [
            [0.122, 0, 0.1],
            [0.14, 0, 0.106],
            [0.15, 0.01, 0.12],
          ],
          0.006,
        ),
      ),
    ],
  },
  {
    name: 'melon-slice',
    ...food,
    colours: ['red', 'yellow'],
    build: (s) => {
      const half = (radius: number): [number, number][] =>
        Array.from({ length: 17 }, (_, i) => [
          radius * Math.cos(Math.PI + (Math.PI * i) / 16),
          radius * Math.sin(Math.PI + (Math.PI * i) / 16),
        ]);
      const upright = (shape: ReturnType<typeof extrude>, y: number) => move(turn(shape, 'x', 90), 0, y, 0.15);
      const seeds = [
        [-0.08, -0.03],
        [-0.04, -0.06],
        [0, -0.035],
        [0.04, -0.06],
        [0.08, -0.03],
        [0, -0.09],
      ];
      return [
        part('rind', paint(0x2f8a3c, 'food'), upright(extrude(half(0.15), 0.05), 0.025)),
        trim('flesh', s.base, move(upright(extrude(half(0.13), 0.056), 0.028), 0, 0, 0.004)),
        trim(
          'seeds',
          paint('black', 'food'),
          ...seeds.flatMap(([x, z]) =>
            [-0.029, 0.029].map((y) => move(ellipsoid(0.0065, 0.003, 0.01, 8), x!, y, 0.15 + z!)),
          ),
        ),
      ];
    },
  },
  {
    name: 'pineapple',
    ...food,
    tumbles: true,
    colours: ['yellow', 'orange'],
    build: (s) => [
      part(
        'fruit',
        paint([s.colour, 0x8a5a22], 'food', { pattern: 'checker', period: 0.055 }),
        lathe([
          [0, 0],
          [0.05, 0],
          [0.076, 0.045],
          [0.08, 0.09],
          [0.066, 0.145],
          [0.03, 0.165],
          [0, 0.166],
        ]),
      ),
      part(
        'leaves',
        leafPaint,
        ...spiral(12).map(({ angle, share }) =>
          move(
            turn(
              turn(
                lathe(
                  [
                    [0.013, 0],
                    [0.015, 0.03],
                    [0, 0.1 + 0.03 * share],
                  ],
                  8,
                ),
                'y',
                48 * (1 - share),
              ),
              'z',
              (angle * 180) / Math.PI,
            ),
            0.014 * Math.cos(angle),
            0.014 * Math.sin(angle),
            0.158,
          ),
        ),
      ),
    ],
  },
  {
    name: 'cheese',
    ...food,
    colours: ['yellow', 'orange'],
    build: (s) => [
      part(
        'wedge',
        s.base,
        extrude(
          [
            [-0.11, 0],
            [0.1, -0.07],
            [0.11, 0],
            [0.1, 0.07],
          ],
          0.09,
        ),
      ),
      trim(
        'holes',
        paint(0xb98a1e, 'food'),
        ...[
          [0.0, 0.036, 0.05, 0.016],
          [0.05, 0.053, 0.025, 0.014],
          [0.06, 0.055, 0.065, 0.012],
          [-0.03, -0.027, 0.05, 0.015],
          [0.04, -0.05, 0.03, 0.017],
          [0.02, 0, 0.09, 0.017],
          [0.07, -0.02, 0.09, 0.014],
          [0.107, 0.02, 0.045, 0.018],
          [0.105, -0.035, 0.06, 0.013],
        ].map(([x, y, z, r]) => move(ball(r!, 12), x!, y!, z!)),
      ),
    ],
  },
  {
    name: 'burger',
    ...food,
    tumbles: false,
    colours: ['brown'],
    build: () => [
      part(
        'bun',
        paint(0xc98a42, 'food'),
        lathe([
          [0, 0],
          [0.078, 0],
          [0.088, 0.014],
          [0.08, 0.03],
          [0, 0.03],
        ]),
        lathe([
          [0, 0.075],
          [0.088, 0.075],
          [0.092, 0.09],
          [0.075, 0.125],
          [0.04, 0.142],
          [0, 0.146],
        ]),
      ),
      part(
        'lettuce',
        paint(0x6cb43c, 'food'),
        bend(move(cylinder(0.1, 0.012, 0.1, 30), 0, 0, 0.03), (v) => [
          v[0],
          v[1],
          v[2] + 0.007 * Math.sin(9 * Math.atan2(v[1], v[0])),
        ]),
      ),
      part('patty', paint(0x5a3216, 'food'), move(box(0.178, 0.178, 0.026, 0.013), 0, 0, 0.055)),
      trim(
        'sesame',
        paint(0xf3e2b8, 'food'),
        ...spiral(16).map(({ angle, share }) =>
          move(
            ellipsoid(0.006, 0.004, 0.004, 8),
            0.07 * Math.sqrt(share) * Math.cos(angle),
            0.07 * Math.sqrt(share) * Math.sin(angle),
            0.146 - 0.04 * share ** 1.6,
          ),
        ),
      ),
    ],
  },
];
