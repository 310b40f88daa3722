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
  ring,
  stretch,
  trim,
  tube,
  turn,
} from '../model/index.ts';
import { ANY_COLOUR, type Category, PATTERNED } from './category.ts';

const brown = paint([0xa8743c, 0x7d4f27], 'wood', { pattern: 'wood', mapping: 'box', period: 0.06 });
const mirror = <T>(make: (side: number) => T): T[] => [make(1), make(-1)];
const corners = <T>(make: (a: number, b: number) => T): T[] => mirror((a) => mirror((b) => make(a, b))).flat();

export const HOUSEHOLD: readonly Category[] = [
  {
    name: 'box',
    colours: ANY_COLOUR,
    materials: ['paper'],
    patterns: [...PATTERNED, 'plaid', 'stars'],
    tumbles: true,
    build: (s) => {
      const [x, y, z] = [s.random.range(0.16, 0.22), s.random.range(0.13, 0.17), s.random.range(0.09, 0.13)];
      return [
        part('body', s.painted({ mapping: 'box' }), move(box(x, y, z, 0.003), 0, 0, z / 2)),
        part('lid', s.second, move(box(x + 0.01, y + 0.01, 0.032, 0.003), 0, 0, z + 0.012)),
      ];
    },
  },
  {
    name: 'gift',
    colours: ['red', 'blue', 'green', 'purple', 'pink', 'white'],
    materials: ['paper'],
    patterns: ['plain', 'dots', 'stars', 'plaid'],
    tumbles: false,
    build: (s) => {
      const size = s.random.range(0.13, 0.165);
      return [
        part('box', s.painted({ mapping: 'box' }), move(box(size, size, size * 0.85, 0.003), 0, 0, size * 0.425)),
        trim(
          'ribbon',
          s.second,
          move(box(size + 0.004, 0.024, size * 0.85 + 0.004, 0.002), 0, 0, size * 0.425),
          move(box(0.024, size + 0.004, size * 0.85 + 0.004, 0.002), 0, 0, size * 0.425),
        ),
        part(
          'bow',
          s.second,
          ...mirror((k) =>
            move(turn(stretch(ring(0.026, 0.009, 8), 1.35, 1, 1.4), 'x', 70 * k), 0, k * 0.026, size * 0.85 + 0.022),
          ),
          move(ball(0.014, 12), 0, 0, size * 0.85 + 0.014),
        ),
      ];
    },
  },
  {
    name: 'book',
    colours: ANY_COLOUR,
    materials: ['paper'],
    patterns: ['plain', 'plain', 'stars', 'zigzag', 'bands', 'dots'],
    tumbles: true,
    build: (s) => {
      const thick = s.random.range(0.035, 0.055);
      return [
        part(
          'cover',
          s.painted({ mapping: 'box', period: 0.07 }),
          ...mirror((k) => move(box(0.16, 0.22, 0.006, 0.002), 0, 0, (thick / 2) * (1 + k * 0.9))),
          move(box(0.008, 0.22, thick * 0.98, 0.003), -0.079, 0, thick / 2),
        ),
        part(
          'pages',
          paint([0xf4eedd, 0xcfc6ae], 'paper', { pattern: 'pages', mapping: 'box', period: 0.03 }),
          move(box(0.15, 0.21, thick * 0.84, 0.001), 0, 0, thick / 2),
        ),
        trim('title', s.second, move(box(0.1, 0.05, 0.0075, 0.001), 0.006, 0.045, thick * 0.953)),
      ];
    },
  },
  {
    name: 'chair',
    colours: ['brown', 'red', 'white', 'blue', 'green', 'yellow'],
    materials: ['wood'],
    patterns: ['plain'],
    tumbles: true,
    build: (s) => {
      const wood = s.colour === 'brown' ? brown : s.base;
      return [
        part('seat', s.second, move(box(0.15, 0.15, 0.02, 0.006), 0, 0, 0.13)),
        part('leg', wood, ...corners((a, b) => move(box(0.02, 0.02, 0.125, 0.003), a * 0.06, b * 0.06, 0.062))),
        part(
          'back',
          wood,
          ...mirror((k) => move(box(0.018, 0.018, 0.16, 0.003), -0.065, k * 0.06, 0.21)),
          ...[0.19, 0.23, 0.272].map((z) => move(box(0.014, 0.13, 0.024, 0.003), -0.065, 0, z)),
        ),
      ];
    },
  },
  {
    name: 'table',
    colours: ['brown', 'white', 'teal', 'red'],
    materials: ['wood'],
    patterns: ['plain'],
    tumbles: false,
    build: (s) => [
      part('top', s.colour === 'brown' ? brown : s.base, move(cylinder(0.13, 0.018, 0.13, 30), 0, 0, 0.14)),
      part(
        'leg',
        s.second,
        ...corners((a, b) =>
          tube(
            [
              [a * 0.055, b * 0.055, 0.14],
              [a * 0.075, b * 0.075, 0.006],
            ],
            0.0105,
          ),
        ),
      ),
    ],
  },
  {
    name: 'lamp',
    colours: ['yellow', 'red', 'white', 'blue', 'green', 'pink'],
    materials: ['fabric'],
    patterns: ['plain', 'stripes', 'dots', 'bands'],
    tumbles: false,
    build: (s) => [
      part(
        'base',
        paint('brown', 'wood', { gloss: 0.3 }),
        lathe([
          [0, 0],
          [0.07, 0],
          [0.066, 0.014],
          [0.024, 0.026],
          [0, 0.028],
        ]),
      ),
      part('stem', paint('gold', 'metal'), move(cylinder(0.0095, 0.17, 0.0095, 12), 0, 0, 0.024)),
      part(
        'shade',
        s.main,
        lathe([
          [0.115, 0.16],
          [0.066, 0.285],
        ]),
        lathe([
          [0.062, 0.285],
          [0.111, 0.16],
        ]),
      ),
      trim('bulb', paint(0xfff4c4, 'glass'), move(ball(0.03, 14), 0, 0, 0.205)),
    ],
  },
  {
    name: 'clock',
    colours: ['red', 'blue', 'teal', 'gold', 'black', 'green'],
    materials: ['metal'],
    patterns: ['plain'],
    tumbles: false,
    build: (s) => {
      const up = (shape: ReturnType<typeof cylinder>) => move(turn(turn(shape, 'z', 90), 'y', 90), 0, 0, 0.115);
      const hand = (length: number, degrees: number) =>
        turn(move(box(length, 0.0095, 0.004, 0.001), length / 2 - 0.008, 0, 0.05), 'z', degrees);
      return [
        part(
          'case',
          paint(s.colour, 'plastic'),
          up(
            move(
              lathe(
                [
                  [0, -0.03],
                  [0.085, -0.03],
                  [0.098, -0.01],
                  [0.098, 0.03],
                  [0.086, 0.036],
                  [0.086, 0.03],
                ],
                32,
              ),
              0,
              0,
              0.012,
            ),
          ),
        ),
        trim(
          'face',
          paint(['white', 'black'], 'paper', { pattern: 'clock', mapping: 'plane', period: 0.086 }),
          up(move(cylinder(0.087, 0.004, 0.087, 30), 0, 0, 0.0405)),
        ),
        trim('hand', paint('black', 'plastic'), up(hand(0.052, 150)), up(hand(0.07, 60))),
        part(
          'foot',
          paint('black', 'metal'),
          ...mirror((k) =>
            tube(
              [
                [0.012, k * 0.05, 0.035],
                [0.012, k * 0.072, 0.008],
              ],
              0.0105,
            ),
          ),
        ),
        part(
          'bells',
          paint('gold', 'metal'),
          ...mirror((k) => move(turn(ellipsoid(0.032, 0.032, 0.022, 14), 'x', k * -32), 0.012, k * 0.056, 0.215)),
        ),
      ];
    },
  },
  {
    name: 'candle',
    colours: ['red', 'white', 'purple', 'green', 'pink', 'blue'],
    materials: ['wax'],
    patterns: ['plain', 'stripes', 'bands'],
    tumbles: false,
    build: (s) => [
      part(
        'holder',
        paint('gold', 'metal'),
        lathe([
          [0, 0],
          [0.085, 0],
          [0.092, 0.018],
          [0.086, 0.019],
          [0.045, 0.01],
          [0.045, 0.034],
          [0.038, 0.034],
        ]),
        move(turn(ring(0.021, 0.007, 8, 8), 'x', 90), 0.108, 0, 0.022),
      ),
      part('wax', s.main, move(cylinder(0.036, 0.14, 0.036, 20), 0, 0, 0.01)),
      trim('wick', paint('black', 'fabric'), move(cylinder(0.004, 0.02, 0.004, 8), 0, 0, 0.15)),
      part(
        'flame',
        paint(0xffb52e, 'plastic'),
        move(
          lathe(
            [
              [0, 0],
              [0.016, 0.018],
              [0.014, 0.032],
              [0, 0.068],
            ],
            14,
          ),
          0,
          0,
          0.162,
        ),
      ),
    ],
  },
  {
    name: 'vase',
    colours: ANY_COLOUR,
    materials: ['ceramic'],
    patterns: [...PATTERNED, 'marble'],
    tumbles: false,
    build: (s) => {
      const flowers = [
        [-0.035, 0.02, 0.31],
        [0.04, -0.01, 0.33],
        [0.0, -0.045, 0.3],
        [0.012, 0.05, 0.285],
      ];
      const petal = s.colour === 'red' ? 'yellow' : s.accent === 'black' || s.accent === 'white' ? 'red' : s.accent;
      return [
        part(
          'body',
          s.main,
          lathe([
            [0, 0],
            [0.045, 0],
            [0.066, 0.04],
            [0.07, 0.08],
            [0.05, 0.135],
            [0.032, 0.16],
            [0.045, 0.188],
            [0.038, 0.188],
            [0.024, 0.16],
          ]),
        ),
        trim(
          'stem',
          paint(0x3f8a3a, 'food'),
          ...flowers.map(([x, y, z]) =>
            tube(
              [
                [0, 0, 0.14],
                [x! * 0.5, y! * 0.5, 0.22],
                [x!, y!, z!],
              ],
              0.005,
              { segments: 6 },
            ),
          ),
        ),
        part(
          'flower',
          paint(petal, 'food'),
          ...flowers.map(([x, y, z]) =>
            move(turn(extrude(circle(0.04, 10, [0, 0], 0.017), 0.012), 'y', x! * 300), x!, y!, z!),
          ),
        ),
        trim(
          'flower',
          paint(petal === 'yellow' ? 'brown' : 'yellow', 'food'),
          ...flowers.map(([x, y, z]) => move(ball(0.0155, 10), x!, y!, z! + 0.01)),
        ),
      ];
    },
  },
  {
    name: 'cactus',
    colours: ['green', 'teal'],
    materials: ['ceramic'],
    patterns: ['plain'],
    tumbles: false,
    build: (s) => {
      const ribbed = (shape: ReturnType<typeof tube>) => shape;
      const body = paint([s.colour, 0x2f6b34], 'food', { pattern: 'stripes' });
      return [
        part(
          'pot',
          paint(0xb9623a, 'ceramic', { gloss: 0.1 }),
          lathe([
            [0, 0],
            [0.052, 0],
            [0.068, 0.08],
            [0.078, 0.08],
            [0.078, 0.102],
            [0.066, 0.102],
            [0.064, 0.09],
            [0, 0.09],
          ]),
        ),
        part(
          'stem',
          body,
          ribbed(
            tube(
              [
                [0, 0, 0.09],
                [0, 0, 0.16],
                [0, 0, 0.25],
              ],
              [0.038, 0.042, 0.034],
              { segments: 14 },
            ),
          ),
        ),
        part(
          'arm',
          body,
          tube(
            [
              [0, 0.03, 0.15],
              [0, 0.075, 0.155],
              [0, 0.084, 0.21],
            ],
            [0.019, 0.022, 0.018],
            { segments: 12 },
          ),
          tube(
            [
              [0, -0.03, 0.18],
              [0, -0.072, 0.184],
              [0, -0.08, 0.235],
            ],
            [0.019, 0.022, 0.018],
            { segments: 12 },
          ),
        ),
        trim('flower', paint('pink', 'food'), move(ellipsoid(0.024, 0.024, 0.018, 12), 0, 0, 0.29)),
      ];
    },
  },
];
