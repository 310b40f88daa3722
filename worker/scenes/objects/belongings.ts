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
  trim,
  tube,
  turn,
} from '../model/index.ts';
import { ANY_COLOUR, type Category } from './category.ts';

const mirror = <T>(make: (side: number) => T): T[] => [make(1), make(-1)];

export const BELONGINGS: readonly Category[] = [
  {
    name: 'shoe',
    colours: ['red', 'blue', 'green', 'black', 'pink', 'orange'],
    materials: ['fabric'],
    patterns: ['plain'],
    tumbles: true,
    build: (s) => [
      part(
        'sole',
        paint('white', 'rubber'),
        extrude(
          [
            [-0.12, -0.03],
            [-0.09, -0.04],
            [0, -0.038],
            [0.09, -0.05],
            [0.13, -0.038],
            [0.142, 0],
            [0.13, 0.036],
            [0.09, 0.048],
            [0, 0.04],
            [-0.09, 0.04],
            [-0.12, 0.03],
            [-0.126, 0],
          ],
          0.026,
        ),
      ),
      part(
        'upper',
        s.base,
        move(
          bend(ellipsoid(0.118, 0.042, 0.062, 22), (v) => [
            v[0],
            v[1],
            Math.max(v[2], -0.02) * (v[0] > 0 ? 1 - 0.45 * (v[0] / 0.118) : 1 + 0.35 * Math.min(1, -v[0] / 0.08)),
          ]),
          0.002,
          0,
          0.042,
        ),
      ),
      trim(
        'opening',
        paint(0x1d1d22, 'fabric'),
        move(turn(ellipsoid(0.046, 0.028, 0.014, 16), 'y', 6), -0.055, 0, 0.115),
      ),
      trim('toe', paint('white', 'rubber'), move(ellipsoid(0.036, 0.043, 0.026, 16), 0.1, 0, 0.036)),
      trim(
        'lace',
        paint('white', 'fabric'),
        ...[
          [0.0, 0.1],
          [0.026, 0.087],
          [0.052, 0.073],
        ].map(([x, z]) => move(turn(box(0.0095, 0.056, 0.008, 0.003), 'y', 26), x!, 0, z!)),
      ),
      trim(
        'stripe',
        s.second,
        ...mirror((k) =>
          move(turn(turn(box(0.014, 0.01, 0.058, 0.003), 'y', 24), 'x', k * 10), -0.03, k * 0.038, 0.055),
        ),
        ...mirror((k) => move(turn(turn(box(0.014, 0.01, 0.05, 0.003), 'y', 24), 'x', k * 10), 0.0, k * 0.04, 0.05)),
      ),
    ],
  },
  {
    name: 'hat',
    colours: ['brown', 'black', 'red', 'blue', 'white', 'purple'],
    materials: ['fabric'],
    patterns: ['plain'],
    tumbles: true,
    build: (s) => [
      part(
        'brim',
        s.base,
        bend(
          lathe(
            [
              [0.07, 0.012],
              [0.155, 0],
              [0.157, 0.006],
              [0.075, 0.02],
            ],
            30,
          ),
          (v) => [v[0], v[1], v[2] + 0.022 * (v[1] / 0.157) ** 2],
        ),
      ),
      part(
        'crown',
        s.base,
        lathe([
          [0.084, 0.01],
          [0.077, 0.075],
          [0.066, 0.1],
          [0.04, 0.098],
          [0, 0.088],
        ]),
      ),
      trim(
        'band',
        s.second,
        lathe([
          [0.085, 0.016],
          [0.0835, 0.046],
        ]),
      ),
    ],
  },
  {
    name: 'guitar',
    colours: ['orange', 'red', 'blue', 'black', 'brown'],
    materials: ['wood'],
    patterns: ['plain'],
    tumbles: true,
    build: (s) => {
      const outline = Array.from({ length: 32 }, (_, i) => {
        const a = (2 * Math.PI * i) / 32;
        const waist = 0.075 - 0.016 * Math.cos(a) + 0.02 * Math.cos(2 * a);
        return [-0.07 + 0.115 * Math.cos(a), waist * Math.sin(a) * 1.12] as const;
      });
      return [
        part(
          'body',
          paint(s.colour === 'brown' ? 0xc08a48 : s.colour, 'wood', { gloss: 0.4 }),
          extrude(outline, 0.044),
        ),
        trim('hole', paint(0x1c120a, 'wood'), move(cylinder(0.031, 0.002), -0.045, 0, 0.044)),
        part('neck', paint(0x4a2c18, 'wood'), move(box(0.2, 0.026, 0.016, 0.004), 0.12, 0, 0.048)),
        part('head', paint(0x4a2c18, 'wood'), move(box(0.052, 0.042, 0.014, 0.004), 0.235, 0, 0.047)),
        trim('bridge', paint(0x2c1a0e, 'wood'), move(box(0.015, 0.07, 0.009, 0.002), -0.125, 0, 0.047)),
        trim(
          'strings',
          paint(0xe8e4d8, 'metal'),
          ...[-0.008, 0, 0.008].map((y) => move(box(0.34, 0.0022, 0.002, 0), 0.045, y, 0.058)),
        ),
        trim(
          'pegs',
          paint('silver', 'metal'),
          ...mirror((k) => [0.222, 0.248].map((x) => move(ball(0.0075, 8), x, k * 0.025, 0.047))).flat(),
        ),
      ];
    },
  },
  {
    name: 'drum',
    colours: ['red', 'blue', 'green', 'gold', 'purple'],
    materials: ['wood'],
    patterns: ['zigzag', 'plain', 'stars'],
    tumbles: true,
    build: (s) => [
      part(
        'shell',
        s.painted({}),
        lathe(
          [
            [0.1, 0.012],
            [0.1, 0.118],
          ],
          28,
        ),
      ),
      part(
        'skin',
        paint(0xf2e8d0, 'paper'),
        lathe(
          [
            [0, 0.004],
            [0.1, 0.004],
          ],
          28,
        ),
        move(cylinder(0.1, 0.008, 0.1, 28), 0, 0, 0.116),
      ),
      trim(
        'hoop',
        paint('gold', 'metal'),
        move(ring(0.101, 0.009, 8), 0, 0, 0.118),
        move(ring(0.101, 0.009, 8), 0, 0, 0.012),
      ),
      part(
        'stick',
        paint('brown', 'wood'),
        ...[-0.025, 0.03].map((y, i) =>
          move(
            turn(
              tube(
                [
                  [-0.1, 0, 0],
                  [0.075, 0, 0],
                  [0.1, 0, 0],
                ],
                [0.006, 0.006, 0.012],
              ),
              'z',
              i ? 28 : -14,
            ),
            0,
            y,
            0.137,
          ),
        ),
      ),
    ],
  },
  {
    name: 'camera',
    colours: ['black', 'red', 'silver', 'teal'],
    materials: ['plastic'],
    patterns: ['plain'],
    tumbles: true,
    build: (s) => [
      part('body', s.base, move(box(0.075, 0.18, 0.115, 0.014), 0, 0, 0.0575)),
      part(
        'lens',
        paint('black', 'plastic'),
        move(
          turn(
            lathe([
              [0.047, 0],
              [0.047, 0.03],
              [0.041, 0.034],
              [0.041, 0.055],
              [0.032, 0.056],
            ]),
            'y',
            90,
          ),
          0.035,
          0,
          0.056,
        ),
      ),
      trim('glass', paint(0x5a86c0, 'glass'), move(ellipsoid(0.01, 0.033, 0.033, 16), 0.082, 0, 0.056)),
      trim(
        'grip',
        paint(s.colour === 'black' ? 'grey' : 'black', 'rubber'),
        move(box(0.079, 0.036, 0.085, 0.012), 0.001, -0.073, 0.05),
      ),
      part('viewfinder', paint('silver', 'metal'), move(box(0.055, 0.06, 0.034, 0.008), 0, 0, 0.124)),
      trim('button', paint('red', 'plastic'), move(cylinder(0.012, 0.014, 0.012, 14), 0, -0.066, 0.112)),
    ],
  },
  {
    name: 'telephone',
    colours: ['red', 'black', 'green', 'teal', 'yellow'],
    materials: ['plastic'],
    patterns: ['plain'],
    tumbles: false,
    build: (s) => [
      part(
        'body',
        s.base,
        extrude(
          [
            [-0.08, 0],
            [0.09, 0],
            [0.09, 0.022],
            [0.01, 0.085],
            [-0.08, 0.085],
          ],
          0.16,
        ),
      ).shapes.map((shape) => part('body', s.base, move(turn(shape, 'x', 90), 0, 0.08, 0)))[0]!,
      trim(
        'dial',
        paint(['white', 'black'], 'plastic', { pattern: 'clock', mapping: 'plane', period: 0.05 }),
        move(turn(cylinder(0.05, 0.006), 'y', 38), 0.052, 0, 0.056),
      ),
      trim('dial', paint('grey', 'metal'), move(turn(cylinder(0.016, 0.006), 'y', 38), 0.055, 0, 0.06)),
      part(
        'handset',
        paint('black', 'plastic'),
        tube(
          [
            [-0.035, -0.085, 0.12],
            [-0.035, 0, 0.132],
            [-0.035, 0.085, 0.12],
          ],
          0.0145,
        ),
        ...mirror((k) => move(ellipsoid(0.03, 0.032, 0.022, 16), -0.035, k * 0.09, 0.106)),
      ),
      part('cradle', s.base, ...mirror((k) => move(box(0.03, 0.02, 0.03, 0.004), -0.035, k * 0.045, 0.098))),
    ],
  },
  {
    name: 'house',
    colours: ['red', 'yellow', 'blue', 'white', 'pink', 'teal'],
    materials: ['wood'],
    patterns: ['plain'],
    tumbles: false,
    build: (s) => [
      part('wall', s.base, move(box(0.16, 0.14, 0.11, 0.002), 0, 0, 0.055)),
      part(
        'roof',
        paint(s.colour === 'red' ? 'brown' : 'red', 'wood'),
        move(
          turn(
            turn(
              extrude(
                [
                  [-0.092, 0],
                  [0.092, 0],
                  [0, 0.085],
                ],
                0.19,
              ),
              'x',
              90,
            ),
            'z',
            90,
          ),
          -0.095,
          0,
          0.108,
        ),
      ),
      trim('door', paint('brown', 'wood'), move(box(0.004, 0.036, 0.068, 0.001), 0.081, -0.03, 0.034)),
      trim(
        'window',
        paint(0x8cc6e8, 'glass'),
        ...[[0.081, 0.036]].map(([x, y]) => move(box(0.004, 0.036, 0.036, 0.001), x!, y!, 0.064)),
        ...mirror((k) => move(box(0.036, 0.004, 0.036, 0.001), 0.03, k * 0.071, 0.062)),
        ...mirror((k) => move(box(0.036, 0.004, 0.036, 0.001), -0.035, k * 0.071, 0.062)),
      ),
      part('chimney', paint('grey', 'stone'), move(box(0.028, 0.028, 0.07, 0.002), -0.045, 0.035, 0.175)),
    ],
  },
  {
    name: 'trophy',
    colours: ['gold', 'silver'],
    materials: ['metal'],
    patterns: ['plain'],
    tumbles: true,
    build: (s) => [
      part('base', paint('black', 'stone'), move(box(0.1, 0.1, 0.05, 0.004), 0, 0, 0.025)),
      trim('plaque', paint('white', 'metal'), move(box(0.102, 0.06, 0.024, 0.001), 0, 0, 0.026)),
      part(
        'cup',
        s.base,
        lathe([
          [0.035, 0.05],
          [0.012, 0.07],
          [0.012, 0.1],
          [0.045, 0.125],
          [0.07, 0.17],
          [0.076, 0.23],
          [0.07, 0.23],
        ]),
        lathe([
          [0.07, 0.23],
          [0.062, 0.175],
          [0.03, 0.14],
          [0, 0.135],
        ]),
      ),
      part(
        'handle',
        s.base,
        ...mirror((k) =>
          tube(
            [
              [0, k * 0.07, 0.21],
              [0, k * 0.11, 0.215],
              [0, k * 0.112, 0.17],
              [0, k * 0.055, 0.14],
            ],
            0.009,
          ),
        ),
      ),
    ],
  },
  {
    name: 'basket',
    colours: ['brown', 'yellow', 'white'],
    materials: ['wood'],
    patterns: ['plain'],
    tumbles: false,
    build: (s) => [
      part(
        'body',
        paint([0xc99a58, 0x8f6330], 'wood', { pattern: 'checker', period: 0.05 }),
        lathe(
          [
            [0, 0],
            [0.09, 0],
            [0.122, 0.085],
          ],
          28,
        ),
        lathe(
          [
            [0.118, 0.085],
            [0.086, 0.008],
            [0, 0.008],
          ],
          28,
        ),
      ),
      trim('rim', s.second, move(ring(0.12, 0.0105, 10), 0, 0, 0.086)),
      part(
        'handle',
        paint(0x8f6330, 'wood'),
        tube(
          [
            [0, -0.118, 0.085],
            [0, -0.095, 0.185],
            [0, 0, 0.225],
            [0, 0.095, 0.185],
            [0, 0.118, 0.085],
          ],
          0.0105,
        ),
      ),
    ],
  },
  {
    name: 'bucket',
    colours: ['blue', 'red', 'yellow', 'green', 'silver'],
    materials: ['plastic'],
    patterns: ['plain', 'bands', 'stars'],
    tumbles: true,
    build: (s) => [
      part(
        'body',
        s.main,
        lathe([
          [0, 0],
          [0.075, 0],
          [0.1, 0.15],
        ]),
      ),
      trim(
        'inside',
        s.base,
        lathe([
          [0.1, 0.15],
          [0.094, 0.15],
          [0.071, 0.008],
          [0, 0.008],
        ]),
      ),
      trim('rim', s.second, move(ring(0.1, 0.008, 8), 0, 0, 0.15)),
      part(
        'handle',
        s.second,
        tube(
          [
            [0, -0.1, 0.14],
            [0.035, -0.085, 0.2],
            [0.05, 0, 0.235],
            [0.035, 0.085, 0.2],
            [0, 0.1, 0.14],
          ],
          0.0085,
        ),
      ),
    ],
  },
  {
    name: 'pillow',
    colours: ANY_COLOUR,
    materials: ['fabric'],
    patterns: ['plaid', 'stripes', 'dots', 'checker', 'plain', 'zigzag'],
    tumbles: true,
    build: (s) => [
      part(
        'pillow',
        s.painted({ mapping: 'plane' }),
        move(
          bend(box(0.26, 0.2, 0.11, 0.05), (v) => {
            const f = Math.max(0.12, (1 - (v[0] / 0.135) ** 4) * (1 - (v[1] / 0.105) ** 4));
            return [v[0], v[1], v[2] * f];
          }),
          0,
          0,
          0.05,
        ),
      ),
    ],
  },
  {
    name: 'bag',
    colours: ['brown', 'red', 'pink', 'blue', 'black', 'teal'],
    materials: ['leather'],
    patterns: ['plain', 'checker', 'stripes'],
    tumbles: false,
    build: (s) => [
      part(
        'body',
        s.painted({ mapping: 'box' }),
        move(
          bend(box(0.1, 0.21, 0.14, 0.024), (v) => [
            v[0] * (1 - 1.6 * Math.max(0, v[2])),
            v[1] * (1 - 0.8 * Math.max(0, v[2])),
            v[2],
          ]),
          0,
          0,
          0.07,
        ),
      ),
      part(
        'strap',
        s.second,
        ...mirror((k) =>
          tube(
            [
              [k * 0.03, -0.06, 0.13],
              [k * 0.03, -0.05, 0.19],
              [k * 0.03, 0, 0.215],
              [k * 0.03, 0.05, 0.19],
              [k * 0.03, 0.06, 0.13],
            ],
            0.0085,
          ),
        ),
      ),
      trim(
        'clasp',
        paint('gold', 'metal'),
        ...mirror((k) => move(box(0.012, 0.036, 0.026, 0.005), k * 0.047, 0, 0.098)),
      ),
    ],
  },
];
