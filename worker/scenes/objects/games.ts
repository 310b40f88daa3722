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
  trim,
  turn,
} from '../model/index.ts';
import { ANY_COLOUR, type Category } from './category.ts';

const plastic: Pick<Category, 'colours' | 'materials' | 'patterns' | 'tumbles'> = {
  colours: ['red', 'blue', 'green', 'yellow', 'orange', 'purple', 'teal'],
  materials: ['plastic'],
  patterns: ['plain'],
  tumbles: false,
};
const white = paint('white', 'plastic');
const mirror = <T>(make: (side: number) => T): T[] => [make(1), make(-1)];

export const GAMES: readonly Category[] = [
  {
    name: 'dice',
    ...plastic,
    colours: ['white', 'red', 'blue', 'black', 'green'],
    tumbles: true,
    build: (s) => [
      part(
        'cube',
        paint([s.colour, s.colour === 'white' ? 'black' : 'white'], 'plastic', {
          pattern: 'dice',
          mapping: 'box',
          period: 0.13,
        }),
        move(box(0.13, 0.13, 0.13, 0.016), 0, 0, 0.065),
      ),
    ],
  },
  {
    name: 'football',
    ...plastic,
    colours: ['white', 'yellow', 'orange'],
    materials: ['leather'],
    tumbles: true,
    build: (s) => [
      part('ball', paint([s.colour, 'black'], 'leather', { pattern: 'football' }), move(ball(0.095, 28), 0, 0, 0.095)),
    ],
  },
  {
    name: 'basketball',
    ...plastic,
    colours: ['orange'],
    materials: ['rubber'],
    tumbles: true,
    build: (s) => [
      part('ball', paint([s.colour, 'black'], 'rubber', { pattern: 'basketball' }), move(ball(0.1, 28), 0, 0, 0.1)),
    ],
  },
  {
    name: 'beach-ball',
    ...plastic,
    colours: ['red', 'blue', 'green', 'pink'],
    tumbles: true,
    build: (s) => [
      part(
        'ball',
        paint([s.colour, 'white', s.accent === 'white' ? 'yellow' : s.accent], 'plastic', { pattern: 'segments' }),
        move(ball(0.105, 30), 0, 0, 0.105),
      ),
      trim('valve', white, move(ellipsoid(0.022, 0.022, 0.005, 14), 0, 0, 0.208)),
    ],
  },
  {
    name: 'tennis-ball',
    ...plastic,
    colours: ['yellow', 'green'],
    materials: ['fabric'],
    tumbles: true,
    build: (s) => [
      part(
        'ball',
        paint([s.colour === 'yellow' ? 0xd4e04a : 0x7ec04a, 'white'], 'fabric', { pattern: 'tennis' }),
        move(ball(0.07, 24), 0, 0, 0.07),
      ),
    ],
  },
  {
    name: 'pyramid',
    colours: ANY_COLOUR,
    materials: ['wood', 'plastic', 'stone'],
    patterns: ['plain', 'bands', 'speckle'],
    tumbles: false,
    build: (s) => [
      part(
        'side',
        s.main,
        lathe(
          [
            [0, 0],
            [0.13, 0],
            [0, 0.17],
          ],
          4,
        ),
      ),
    ],
  },
  {
    name: 'cone',
    colours: ['orange', 'red', 'yellow', 'green'],
    materials: ['plastic'],
    patterns: ['plain'],
    tumbles: true,
    build: (s) => [
      part('base', paint('black', 'rubber'), move(box(0.17, 0.17, 0.018, 0.005), 0, 0, 0.009)),
      part(
        'body',
        s.base,
        lathe([
          [0.068, 0.018],
          [0.047, 0.09],
        ]),
        lathe([
          [0.033, 0.138],
          [0.014, 0.205],
          [0, 0.207],
        ]),
      ),
      part(
        'stripe',
        white,
        lathe([
          [0.047, 0.09],
          [0.033, 0.138],
        ]),
      ),
    ],
  },
  {
    name: 'castle',
    ...plastic,
    colours: ['grey', 'yellow', 'pink', 'red'],
    materials: ['wood', 'plastic'],
    build: (s) => [
      part(
        'wall',
        paint([s.colour, s.colour, 'white'], s.material, { pattern: 'brick', mapping: 'box', period: 0.09 }),
        move(box(0.16, 0.16, 0.1, 0.004), 0, 0, 0.05),
      ),
      part(
        'tower',
        s.base,
        ...[1, -1].flatMap((a) => mirror((b) => move(cylinder(0.03, 0.15, 0.03, 14), a * 0.08, b * 0.08, 0))),
      ),
      part(
        'roof',
        s.second,
        ...[1, -1].flatMap((a) => mirror((b) => move(cylinder(0.04, 0.065, 0, 14), a * 0.08, b * 0.08, 0.15))),
      ),
      trim(
        'gate',
        paint('brown', 'wood'),
        move(box(0.006, 0.05, 0.065, 0.002), 0.081, 0, 0.033),
        move(box(0.006, 0.05, 0.065, 0.002), -0.081, 0, 0.033),
      ),
    ],
  },
  {
    name: 'boat',
    ...plastic,
    colours: ['red', 'blue', 'brown', 'green', 'white'],
    materials: ['wood', 'plastic'],
    build: (s) => [
      part(
        'hull',
        s.base,
        extrude(
          [
            [-0.13, -0.045],
            [0.05, -0.052],
            [0.15, 0],
            [0.05, 0.052],
            [-0.13, 0.045],
          ],
          0.06,
        ),
      ),
      part('mast', paint('brown', 'wood'), move(cylinder(0.007, 0.24, 0.006, 10), 0.01, 0, 0.06)),
      part(
        'sail',
        paint(['white', s.accent === 'white' ? 'red' : s.accent], 'fabric', {
          pattern: 'bands',
          mapping: 'plane',
          period: 0.08,
        }),
        move(
          turn(
            extrude(
              [
                [-0.12, 0.02],
                [-0.006, 0.02],
                [-0.006, 0.2],
              ],
              0.006,
            ),
            'x',
            90,
          ),
          0,
          0.003,
          0.075,
        ),
        move(
          turn(
            extrude(
              [
                [0.024, 0.02],
                [0.12, 0.02],
                [0.024, 0.16],
              ],
              0.006,
            ),
            'x',
            90,
          ),
          0,
          0.003,
          0.075,
        ),
      ),
      trim(
        'flag',
        s.second,
        move(
          turn(
            extrude(
              [
                [0, 0],
                [0.05, 0.016],
                [0, 0.032],
              ],
              0.005,
            ),
            'x',
            90,
          ),
          0.012,
          0.002,
          0.265,
        ),
      ),
    ],
  },
  {
    name: 'spinning-top',
    ...plastic,
    colours: ['red', 'blue', 'purple', 'green', 'yellow'],
    materials: ['wood'],
    patterns: ['bands'],
    tumbles: true,
    build: (s) => [
      part(
        'body',
        paint([s.colour, s.accent], 'wood', { pattern: 'bands', period: 0.045 }),
        lathe([
          [0, 0],
          [0.012, 0.012],
          [0.09, 0.08],
          [0.092, 0.095],
          [0.03, 0.12],
          [0, 0.122],
        ]),
      ),
      part('stem', paint('brown', 'wood'), move(cylinder(0.011, 0.07, 0.013, 12), 0, 0, 0.115)),
    ],
  },
  {
    name: 'blocks',
    colours: ['red', 'blue', 'green', 'yellow', 'orange'],
    materials: ['plastic'],
    patterns: ['plain'],
    tumbles: true,
    build: (s) => [
      part('brick', s.base, move(box(0.2, 0.11, 0.075, 0.004), 0, 0, 0.0375)),
      part(
        'studs',
        s.base,
        ...[-0.07, 0, 0.07].flatMap((x) => mirror((k) => move(cylinder(0.02, 0.024, 0.02, 16), x, k * 0.028, 0.073))),
      ),
    ],
  },
  {
    name: 'star',
    colours: ['yellow', 'gold', 'red', 'blue', 'pink'],
    materials: ['plastic', 'metal', 'wood'],
    patterns: ['plain'],
    tumbles: true,
    build: (s) => [
      part('star', s.base, extrude(circle(0.12, 10, [0, 0], 0.055), 0.045)),
      trim(
        'face',
        paint([s.colour, 'black'], s.material, { pattern: 'face', mapping: 'plane', period: 0.1 }),
        move(extrude(circle(0.05, 20), 0.003), 0, 0, 0.044),
      ),
    ],
  },
];
