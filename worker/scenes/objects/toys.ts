import {
  ball,
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
import type { Category } from './category.ts';

const plastic: Pick<Category, 'colours' | 'materials' | 'patterns' | 'tumbles'> = {
  colours: ['red', 'blue', 'green', 'yellow', 'orange', 'purple', 'teal'],
  materials: ['plastic'],
  patterns: ['plain'],
  tumbles: false,
};
const black = paint('black', 'rubber');
const white = paint('white', 'plastic');
const mirror = <T>(make: (side: number) => T): T[] => [make(1), make(-1)];
/** A wheel whose axle points along y. */
const wheel = (radius: number, width: number, x: number, y: number, z: number) =>
  move(turn(move(cylinder(radius, width, radius, 18), 0, 0, -width / 2), 'x', 90), x, y, z);

export const TOYS: readonly Category[] = [
  {
    name: 'teddy',
    colours: ['brown', 'white', 'pink', 'grey', 'yellow'],
    materials: ['fabric'],
    patterns: ['plain'],
    tumbles: true,
    build: (s) => {
      const pale = paint(s.colour === 'white' ? 0xd8b48a : 0xf0d6ae, 'fabric');
      return [
        part('body', s.base, move(ellipsoid(0.078, 0.085, 0.095), 0, 0, 0.09)),
        trim('belly', pale, move(ellipsoid(0.03, 0.058, 0.066), 0.054, 0, 0.09)),
        part('head', s.base, move(ball(0.074), 0.008, 0, 0.235)),
        part('ear', s.base, ...mirror((k) => move(ellipsoid(0.016, 0.031, 0.031, 14), 0, k * 0.06, 0.295))),
        trim('ear', pale, ...mirror((k) => move(ellipsoid(0.01, 0.018, 0.018, 12), 0.012, k * 0.06, 0.295))),
        trim('muzzle', pale, move(ellipsoid(0.034, 0.037, 0.029, 14), 0.066, 0, 0.215)),
        trim('nose', black, move(ellipsoid(0.012, 0.016, 0.011, 10), 0.098, 0, 0.226)),
        trim('eye', black, ...mirror((k) => move(ball(0.0105, 10), 0.072, k * 0.029, 0.256))),
        part(
          'arm',
          s.base,
          ...mirror((k) =>
            tube(
              [
                [0.01, k * 0.072, 0.145],
                [0.045, k * 0.115, 0.105],
                [0.075, k * 0.11, 0.07],
              ],
              [0.03, 0.03, 0.031],
              { segments: 12 },
            ),
          ),
        ),
        part(
          'leg',
          s.base,
          ...mirror((k) =>
            tube(
              [
                [0.03, k * 0.055, 0.035],
                [0.085, k * 0.075, 0.034],
                [0.12, k * 0.08, 0.042],
              ],
              [0.036, 0.036, 0.039],
              { segments: 12 },
            ),
          ),
        ),
        trim('sole', pale, ...mirror((k) => move(ellipsoid(0.012, 0.026, 0.028, 12), 0.152, k * 0.086, 0.047))),
        trim(
          'bow',
          s.second,
          ...mirror((k) =>
            move(
              turn(
                lathe(
                  [
                    [0, 0],
                    [0.024, 0.045],
                    [0, 0.05],
                  ],
                  12,
                ),
                'x',
                k * 90,
              ),
              0.07,
              0,
              0.172,
            ),
          ),
          move(ball(0.012, 10), 0.07, 0, 0.172),
        ),
      ];
    },
  },
  {
    name: 'duck',
    ...plastic,
    colours: ['yellow', 'pink', 'blue', 'white', 'green'],
    tumbles: true,
    build: (s) => [
      part(
        'body',
        s.base,
        move(ellipsoid(0.105, 0.078, 0.066), 0, 0, 0.066),
        tube(
          [
            [-0.07, 0, 0.08],
            [-0.11, 0, 0.105],
            [-0.135, 0, 0.135],
          ],
          [0.045, 0.03, 0.012],
        ),
      ),
      part('head', s.base, move(ball(0.057), 0.06, 0, 0.17)),
      part(
        'wing',
        s.base,
        ...mirror((k) => move(turn(ellipsoid(0.058, 0.018, 0.036, 14), 'y', 14), -0.014, k * 0.074, 0.078)),
      ),
      part(
        'beak',
        paint(s.colour === 'yellow' ? 'orange' : 'yellow', 'plastic'),
        move(ellipsoid(0.036, 0.027, 0.011, 12), 0.122, 0, 0.16),
      ),
      trim('eye', black, ...mirror((k) => move(ball(0.0105, 10), 0.102, k * 0.031, 0.188))),
    ],
  },
  {
    name: 'car',
    ...plastic,
    patterns: ['plain', 'bands'],
    build: (s) => [
      part('body', s.base, move(box(0.25, 0.11, 0.055, 0.018), 0, 0, 0.06)),
      part('roof', s.base, move(box(0.125, 0.094, 0.055, 0.02), -0.012, 0, 0.108)),
      trim(
        'window',
        paint(0x1c2a3a, 'glass'),
        move(box(0.128, 0.08, 0.03, 0.01), -0.012, 0, 0.108),
        move(box(0.09, 0.0965, 0.03, 0.006), -0.012, 0, 0.108),
      ),
      part(
        'wheel',
        black,
        ...mirror((k) => wheel(0.034, 0.028, 0.075, k * 0.05, 0.034)),
        ...mirror((k) => wheel(0.034, 0.028, -0.075, k * 0.05, 0.034)),
      ),
      trim(
        'hubcap',
        paint('silver', 'metal'),
        ...[0.075, -0.075].flatMap((x) => mirror((k) => wheel(0.018, 0.004, x, k * 0.065, 0.034))),
      ),
      trim('headlight', paint(0xfff3b0, 'glass'), ...mirror((k) => move(ball(0.0135, 10), 0.121, k * 0.034, 0.065))),
      trim(
        'stripe',
        s.second,
        move(box(0.252, 0.028, 0.056, 0.018), 0, 0, 0.0605),
        move(box(0.127, 0.028, 0.056, 0.02), -0.012, 0, 0.1085),
      ),
    ],
  },
  {
    name: 'truck',
    ...plastic,
    build: (s) => [
      part('cab', s.base, move(box(0.08, 0.11, 0.1, 0.014), 0.095, 0, 0.095)),
      part(
        'bed',
        s.second,
        move(box(0.18, 0.115, 0.02, 0.004), -0.035, 0, 0.055),
        ...mirror((k) => move(box(0.18, 0.012, 0.062, 0.004), -0.035, k * 0.052, 0.092)),
        move(box(0.012, 0.115, 0.062, 0.004), -0.12, 0, 0.092),
        move(box(0.012, 0.115, 0.062, 0.004), 0.049, 0, 0.092),
      ),
      trim(
        'window',
        paint(0x1c2a3a, 'glass'),
        move(box(0.083, 0.085, 0.036, 0.004), 0.095, 0, 0.112),
        move(box(0.05, 0.113, 0.036, 0.004), 0.098, 0, 0.112),
      ),
      part(
        'wheel',
        black,
        ...[0.09, -0.04, -0.1].flatMap((x) => mirror((k) => wheel(0.035, 0.028, x, k * 0.052, 0.035))),
      ),
      trim('load', paint(0xb08a5a, 'stone'), move(ellipsoid(0.07, 0.042, 0.05, 14), -0.036, 0, 0.075)),
    ],
  },
  {
    name: 'train',
    ...plastic,
    colours: ['red', 'green', 'blue', 'black'],
    build: (s) => [
      part('boiler', s.base, move(turn(move(cylinder(0.045, 0.14), 0, 0, -0.07), 'y', 90), 0.04, 0, 0.095)),
      part('cabin', s.base, move(box(0.08, 0.108, 0.13, 0.008), -0.07, 0, 0.105)),
      trim('window', paint(0xfff0b8, 'glass'), move(box(0.044, 0.111, 0.042, 0.004), -0.07, 0, 0.13)),
      part('roof', s.second, move(box(0.1, 0.125, 0.014, 0.005), -0.07, 0, 0.176)),
      part('chimney', s.second, move(cylinder(0.016, 0.05, 0.027, 14), 0.08, 0, 0.133)),
      trim('dome', paint('gold', 'metal'), move(ball(0.021, 14), 0.025, 0, 0.142)),
      part(
        'wheel',
        black,
        ...[0.08, 0.015].flatMap((x) => mirror((k) => wheel(0.029, 0.02, x, k * 0.05, 0.029))),
        ...mirror((k) => wheel(0.042, 0.02, -0.066, k * 0.055, 0.042)),
      ),
      part('frame', paint('black', 'metal'), move(box(0.22, 0.08, 0.024, 0.004), 0, 0, 0.045)),
      trim('front', paint('gold', 'metal'), move(turn(cylinder(0.03, 0.006), 'y', 90), 0.11, 0, 0.095)),
    ],
  },
  {
    name: 'plane',
    ...plastic,
    tumbles: true,
    build: (s) => [
      part('body', s.base, move(turn(ellipsoid(0.036, 0.036, 0.14), 'y', 90), 0, 0, 0.06)),
      part('wing', s.second, move(box(0.065, 0.29, 0.013, 0.006), 0.02, 0, 0.056)),
      part(
        'tail',
        s.second,
        move(box(0.04, 0.12, 0.011, 0.005), -0.115, 0, 0.07),
        move(turn(box(0.045, 0.011, 0.065, 0.005), 'y', -20), -0.122, 0, 0.1),
      ),
      trim('cockpit', paint(0x20324a, 'glass'), move(ellipsoid(0.035, 0.02, 0.02, 14), 0.055, 0, 0.09)),
      part(
        'propeller',
        paint('grey', 'metal'),
        move(box(0.008, 0.02, 0.13, 0.004), 0.146, 0, 0.06),
        move(ball(0.014, 10), 0.143, 0, 0.06),
      ),
      trim('wheel', black, ...mirror((k) => wheel(0.02, 0.014, 0.04, k * 0.045, 0.02))),
    ],
  },
  {
    name: 'rocket',
    ...plastic,
    colours: ['white', 'red', 'blue', 'yellow', 'green'],
    tumbles: true,
    build: (s) => [
      part(
        'body',
        s.base,
        lathe([
          [0.03, 0.02],
          [0.05, 0.06],
          [0.056, 0.12],
          [0.048, 0.19],
        ]),
      ),
      part(
        'nose',
        s.second,
        lathe([
          [0.048, 0.19],
          [0.03, 0.24],
          [0, 0.275],
        ]),
      ),
      part(
        'fin',
        s.second,
        ...[0, 90, 180, 270].map((a) =>
          turn(
            move(
              turn(
                extrude(
                  [
                    [0.03, 0],
                    [0.1, 0],
                    [0.1, 0.03],
                    [0.045, 0.11],
                  ],
                  0.012,
                ),
                'x',
                90,
              ),
              0,
              0.006,
              0,
            ),
            'z',
            a,
          ),
        ),
      ),
      trim(
        'porthole',
        paint(0x24425e, 'glass'),
        ...[0, 180].map((a) => turn(move(turn(cylinder(0.022, 0.006), 'y', 90), 0.051, 0, 0.145), 'z', a)),
      ),
      trim(
        'nozzle',
        paint('grey', 'metal'),
        lathe([
          [0.036, 0.002],
          [0.026, 0.03],
        ]),
      ),
    ],
  },
  {
    name: 'robot',
    ...plastic,
    colours: ['silver', 'red', 'blue', 'green', 'yellow'],
    build: (s) => [
      part('body', s.base, move(box(0.09, 0.12, 0.12, 0.01), 0, 0, 0.125)),
      part('head', s.base, move(box(0.085, 0.095, 0.075, 0.01), 0, 0, 0.235)),
      trim('eye', paint(0xfff3a0, 'glass'), ...mirror((k) => move(ball(0.015, 12), 0.04, k * 0.024, 0.245))),
      trim('mouth', paint('black', 'plastic'), move(box(0.01, 0.05, 0.012, 0.003), 0.04, 0, 0.214)),
      part('antenna', s.second, move(cylinder(0.005, 0.035), 0, 0, 0.272), move(ball(0.013, 12), 0, 0, 0.312)),
      part(
        'arm',
        s.second,
        ...mirror((k) =>
          tube(
            [
              [0, k * 0.06, 0.17],
              [0.01, k * 0.085, 0.14],
              [0.035, k * 0.09, 0.1],
            ],
            0.015,
          ),
        ),
      ),
      part('leg', s.second, ...mirror((k) => move(box(0.07, 0.045, 0.07, 0.008), 0.008, k * 0.032, 0.035))),
      trim('panel', paint('white', 'plastic'), move(box(0.006, 0.075, 0.06, 0.003), 0.045, 0, 0.13)),
      trim('button', paint('red', 'plastic'), ...[-0.02, 0, 0.02].map((y) => move(ball(0.0075, 8), 0.049, y, 0.14))),
    ],
  },
  {
    name: 'snowman',
    ...plastic,
    colours: ['white'],
    build: (s) => [
      part('body', white, move(ball(0.078), 0, 0, 0.072), move(ball(0.058), 0, 0, 0.172)),
      part('head', white, move(ball(0.043), 0, 0, 0.255)),
      part(
        'hat',
        paint('black', 'fabric'),
        move(cylinder(0.05, 0.008), 0, 0, 0.286),
        move(cylinder(0.032, 0.05), 0, 0, 0.29),
      ),
      part(
        'scarf',
        s.second,
        move(ring(0.042, 0.0145, 10), 0, 0, 0.218),
        move(box(0.014, 0.024, 0.07, 0.006), 0.056, 0.024, 0.185),
      ),
      part(
        'nose',
        paint('orange', 'plastic'),
        move(
          turn(
            lathe(
              [
                [0.011, 0],
                [0, 0.055],
              ],
              10,
            ),
            'y',
            90,
          ),
          0.038,
          0,
          0.256,
        ),
      ),
      trim('eye', black, ...mirror((k) => move(ball(0.007, 8), 0.038, k * 0.016, 0.27))),
      trim('button', black, ...[0.15, 0.18].map((z) => move(ball(0.0085, 8), 0.057, 0, z))),
    ],
  },
];
