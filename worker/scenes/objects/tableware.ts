import {
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
import { ANY_COLOUR, type Category, PATTERNED } from './category.ts';

const ceramic: Pick<Category, 'colours' | 'materials' | 'patterns' | 'tumbles'> = {
  colours: ANY_COLOUR,
  materials: ['ceramic'],
  patterns: [...PATTERNED, 'marble', 'speckle'],
  tumbles: false,
};
const steel = paint('silver', 'metal');

export const TABLEWARE: readonly Category[] = [
  {
    name: 'mug',
    ...ceramic,
    tumbles: true,
    build: (s) => {
      const [r, h] = [s.random.range(0.068, 0.08), s.random.range(0.14, 0.17)];
      return [
        part(
          'body',
          s.main,
          lathe([
            [0, 0],
            [r * 0.92, 0],
            [r, 0.012],
            [r, h],
          ]),
        ),
        trim(
          'rim',
          s.base,
          lathe([
            [r, h],
            [r - 0.004, h + 0.004],
            [r - 0.009, h],
          ]),
        ),
        trim(
          'inside',
          paint('white', 'ceramic'),
          lathe([
            [r - 0.009, h],
            [r - 0.009, 0.014],
            [0, 0.014],
          ]),
        ),
        part(
          'handle',
          s.second,
          tube(
            [
              [r - 0.006, 0, h * 0.84],
              [r + 0.034, 0, h * 0.82],
              [r + 0.054, 0, h * 0.52],
              [r + 0.034, 0, h * 0.22],
              [r - 0.006, 0, h * 0.2],
            ],
            0.0115,
          ),
        ),
      ];
    },
  },
  {
    name: 'bowl',
    ...ceramic,
    build: (s) => {
      const [r, h] = [s.random.range(0.12, 0.145), s.random.range(0.085, 0.11)];
      return [
        trim(
          'foot',
          s.second,
          lathe([
            [0, 0],
            [r * 0.45, 0],
            [r * 0.42, 0.018],
          ]),
        ),
        part(
          'body',
          s.main,
          lathe([
            [0, 0.012],
            [r * 0.42, 0.014],
            [r * 0.74, h * 0.35],
            [r * 0.94, h * 0.7],
            [r, h],
          ]),
        ),
        trim(
          'inside',
          paint(s.colour === 'white' ? s.accent : 'white', 'ceramic'),
          lathe([
            [r, h],
            [r - 0.008, h],
            [r * 0.86, h * 0.66],
            [r * 0.66, h * 0.38],
            [r * 0.3, 0.024],
            [0, 0.022],
          ]),
        ),
      ];
    },
  },
  {
    name: 'plate',
    ...ceramic,
    patterns: ['plain', 'plain', 'stripes', 'dots', 'speckle'],
    build: (s) => {
      const r = s.random.range(0.14, 0.165);
      return [
        part(
          'rim',
          s.main,
          lathe(
            [
              [r * 0.5, 0],
              [r * 0.62, 0],
              [r, 0.026],
              [r, 0.032],
              [r * 0.66, 0.012],
            ],
            32,
          ),
        ),
        part(
          'centre',
          paint(s.colour === 'white' ? 'white' : s.accent, 'ceramic'),
          lathe([
            [0, 0],
            [r * 0.5, 0],
          ]),
          lathe(
            [
              [r * 0.66, 0.012],
              [r * 0.6, 0.01],
              [0, 0.01],
            ],
            32,
          ),
        ),
      ];
    },
  },
  {
    name: 'teapot',
    ...ceramic,
    build: (s) => [
      part(
        'body',
        s.main,
        lathe([
          [0, 0],
          [0.06, 0],
          [0.095, 0.03],
          [0.112, 0.075],
          [0.1, 0.12],
          [0.062, 0.15],
        ]),
      ),
      part(
        'lid',
        s.second,
        lathe([
          [0.064, 0.148],
          [0.06, 0.158],
          [0.035, 0.172],
          [0, 0.176],
        ]),
        move(ellipsoid(0.016, 0.016, 0.016, 12), 0, 0, 0.188),
      ),
      part(
        'spout',
        s.base,
        tube(
          [
            [0.09, 0, 0.05],
            [0.14, 0, 0.075],
            [0.16, 0, 0.12],
            [0.19, 0, 0.15],
          ],
          [0.03, 0.022, 0.016, 0.013],
        ),
      ),
      part(
        'handle',
        s.second,
        tube(
          [
            [-0.09, 0, 0.125],
            [-0.145, 0, 0.135],
            [-0.168, 0, 0.09],
            [-0.14, 0, 0.045],
            [-0.1, 0, 0.045],
          ],
          0.012,
        ),
      ),
    ],
  },
  {
    name: 'kettle',
    colours: ['red', 'blue', 'teal', 'silver', 'black', 'yellow'],
    materials: ['metal'],
    patterns: ['plain'],
    tumbles: false,
    build: (s) => [
      part(
        'body',
        paint(s.colour, 'metal'),
        lathe([
          [0, 0],
          [0.12, 0],
          [0.126, 0.02],
          [0.115, 0.07],
          [0.085, 0.115],
          [0.045, 0.13],
        ]),
      ),
      part(
        'lid',
        steel,
        lathe([
          [0.046, 0.128],
          [0.042, 0.138],
          [0, 0.146],
        ]),
      ),
      trim('knob', paint('black', 'plastic'), move(ellipsoid(0.015, 0.015, 0.014, 12), 0, 0, 0.156)),
      part(
        'spout',
        steel,
        tube(
          [
            [0.1, 0, 0.06],
            [0.145, 0, 0.1],
            [0.175, 0, 0.135],
          ],
          [0.026, 0.018, 0.015],
        ),
      ),
      part(
        'handle',
        paint('black', 'plastic'),
        tube(
          [
            [0.085, 0, 0.11],
            [0.075, 0, 0.2],
            [0, 0, 0.235],
            [-0.075, 0, 0.2],
            [-0.085, 0, 0.11],
          ],
          0.0115,
        ),
      ),
    ],
  },
  {
    name: 'pan',
    colours: ['black', 'red', 'silver', 'teal', 'orange'],
    materials: ['metal'],
    patterns: ['plain'],
    tumbles: false,
    build: (s) => [
      part(
        'body',
        paint(s.colour, 'metal', { gloss: 0.3 }),
        lathe([
          [0, 0],
          [0.1, 0],
          [0.128, 0.045],
          [0.132, 0.046],
        ]),
      ),
      trim(
        'inside',
        paint(0x4a4a4e, 'metal', { gloss: 0.2 }),
        lathe([
          [0.132, 0.046],
          [0.122, 0.044],
          [0.098, 0.008],
          [0, 0.008],
        ]),
      ),
      part(
        'handle',
        paint('brown', 'wood'),
        tube(
          [
            [0.115, 0, 0.036],
            [0.2, 0, 0.055],
            [0.29, 0, 0.058],
          ],
          [0.011, 0.012, 0.016],
          { flatten: 0.8 },
        ),
      ),
    ],
  },
  {
    name: 'pot',
    colours: ['red', 'blue', 'green', 'orange', 'silver', 'white'],
    materials: ['metal'],
    patterns: ['plain', 'bands', 'dots'],
    tumbles: false,
    build: (s) => [
      part(
        'body',
        s.painted({}),
        lathe([
          [0, 0],
          [0.106, 0],
          [0.112, 0.01],
          [0.112, 0.12],
        ]),
      ),
      part(
        'lid',
        s.second,
        lathe([
          [0.116, 0.118],
          [0.116, 0.126],
          [0.08, 0.142],
          [0, 0.15],
        ]),
      ),
      trim('knob', paint('black', 'plastic'), move(cylinder(0.012, 0.024, 0.019, 14), 0, 0, 0.148)),
      part(
        'handle',
        paint('black', 'plastic'),
        ...[-1, 1].map((k) =>
          tube(
            [
              [k * 0.108, -0.04, 0.09],
              [k * 0.146, -0.03, 0.095],
              [k * 0.146, 0.03, 0.095],
              [k * 0.108, 0.04, 0.09],
            ],
            0.01,
          ),
        ),
      ),
    ],
  },
  {
    name: 'goblet',
    colours: ['gold', 'silver', 'red', 'blue', 'purple', 'green'],
    materials: ['metal', 'glass'],
    patterns: ['plain', 'bands'],
    tumbles: true,
    build: (s) => [
      part(
        'base',
        s.base,
        lathe([
          [0, 0],
          [0.06, 0],
          [0.058, 0.008],
          [0.02, 0.02],
          [0.011, 0.034],
        ]),
      ),
      part('stem', s.second, cylinder(0.011, 0.08, 0.011, 12), move(ellipsoid(0.02, 0.02, 0.014, 12), 0, 0, 0.06)),
      part(
        'cup',
        s.main,
        lathe([
          [0.009, 0.08],
          [0.042, 0.095],
          [0.064, 0.135],
          [0.066, 0.185],
          [0.06, 0.2],
        ]),
        lathe([
          [0.06, 0.2],
          [0.056, 0.185],
          [0.054, 0.138],
          [0.034, 0.104],
          [0, 0.1],
        ]),
      ),
    ],
  },
  {
    name: 'spoon',
    colours: ['silver', 'brown', 'red', 'blue', 'green'],
    materials: ['metal', 'wood', 'plastic'],
    patterns: ['plain'],
    tumbles: true,
    build: (s) => [
      part('bowl', s.base, move(stretch(ellipsoid(0.055, 0.04, 0.016), 1, 1, 1), 0.13, 0, 0.014)),
      trim('hollow', paint(0x5c5550, s.material), move(ellipsoid(0.043, 0.03, 0.0075), 0.13, 0, 0.0245)),
      part(
        'handle',
        s.base,
        tube(
          [
            [0.085, 0, 0.016],
            [0, 0, 0.02],
            [-0.15, 0, 0.014],
          ],
          [0.009, 0.008, 0.014],
          { flatten: 0.6 },
        ),
      ),
    ],
  },
  {
    name: 'fork',
    colours: ['silver', 'gold', 'black', 'green'],
    materials: ['metal', 'plastic'],
    patterns: ['plain'],
    tumbles: true,
    build: (s) => [
      part(
        'tines',
        s.base,
        extrude(
          [
            [0.05, -0.014],
            [0.08, -0.036],
            [0.16, -0.036],
            [0.16, -0.025],
            [0.1, -0.022],
            [0.1, -0.016],
            [0.162, -0.015],
            [0.162, -0.004],
            [0.1, -0.004],
            [0.1, 0.004],
            [0.162, 0.004],
            [0.162, 0.015],
            [0.1, 0.016],
            [0.1, 0.022],
            [0.16, 0.025],
            [0.16, 0.036],
            [0.08, 0.036],
            [0.05, 0.014],
          ],
          0.014,
        ),
      ),
      part(
        'handle',
        s.base,
        extrude(
          [
            [0.052, -0.0135],
            [0.052, 0.0135],
            [-0.05, 0.009],
            [-0.15, 0.018],
            [-0.166, 0],
            [-0.15, -0.018],
            [-0.05, -0.009],
          ],
          0.014,
        ),
      ),
    ],
  },
  {
    name: 'knife',
    colours: ['black', 'brown', 'red', 'blue'],
    materials: ['plastic', 'wood'],
    patterns: ['plain'],
    tumbles: true,
    build: (s) => [
      part(
        'blade',
        paint('silver', 'metal'),
        extrude(
          [
            [0, -0.024],
            [0.12, -0.022],
            [0.17, 0.004],
            [0.18, 0.024],
            [0, 0.024],
          ],
          0.01,
        ),
      ),
      part('handle', s.base, move(box(0.13, 0.036, 0.022, 0.01), -0.062, 0.004, 0.005)),
    ],
  },
  {
    name: 'jar',
    colours: ['orange', 'red', 'yellow', 'purple', 'green', 'brown'],
    materials: ['glass'],
    patterns: ['plain'],
    tumbles: true,
    build: (s) => [
      part(
        'body',
        paint([s.colour, 'white', s.accent], 'glass', { pattern: 'label', period: 0.15 }),
        lathe([
          [0, 0],
          [0.068, 0],
          [0.074, 0.01],
          [0.074, 0.118],
          [0.056, 0.142],
          [0.056, 0.15],
        ]),
      ),
      part('lid', paint(s.accent, 'metal', { gloss: 0.4 }), move(cylinder(0.062, 0.032), 0, 0, 0.15)),
    ],
  },
  {
    name: 'can',
    colours: ['red', 'blue', 'green', 'orange', 'purple', 'teal'],
    materials: ['metal'],
    patterns: ['plain'],
    tumbles: true,
    build: (s) => [
      part(
        'body',
        paint([s.colour, s.colour, 'white'], 'plastic', { pattern: 'label', period: 0.19 }),
        lathe([
          [0.05, 0.006],
          [0.062, 0.016],
          [0.062, 0.172],
          [0.05, 0.188],
        ]),
      ),
      part(
        'top',
        steel,
        lathe([
          [0.05, 0.188],
          [0.052, 0.193],
          [0.046, 0.189],
          [0, 0.187],
        ]),
        lathe([
          [0, 0.004],
          [0.048, 0.004],
          [0.05, 0],
          [0.05, 0.006],
        ]),
      ),
      trim('tab', steel, move(stretch(ring(0.013, 0.0035, 8, 6), 1.3, 0.8, 1), 0.012, 0, 0.192)),
    ],
  },
  {
    name: 'bottle',
    colours: ['green', 'blue', 'red', 'brown', 'teal', 'purple', 'yellow'],
    materials: ['glass', 'plastic'],
    patterns: ['plain'],
    tumbles: true,
    build: (s) => {
      const r = s.random.range(0.048, 0.058);
      return [
        part(
          'body',
          paint([s.colour, 'white', s.accent], s.material, { pattern: 'label', period: 0.21 }),
          lathe([
            [0, 0],
            [r - 0.004, 0],
            [r, 0.008],
            [r, 0.165],
            [r * 0.85, 0.195],
            [0.022, 0.225],
          ]),
        ),
        part(
          'neck',
          s.base,
          lathe([
            [0.022, 0.224],
            [0.019, 0.27],
          ]),
        ),
        part('cap', s.second, move(cylinder(0.024, 0.032, 0.024, 16), 0, 0, 0.264)),
      ];
    },
  },
  {
    name: 'rolling-pin',
    colours: ['brown', 'red', 'blue', 'pink'],
    materials: ['wood'],
    patterns: ['wood', 'plain'],
    tumbles: true,
    build: (s) => [
      part(
        'roller',
        s.painted({ period: 0.05 }),
        move(turn(move(cylinder(0.036, 0.24), 0, 0, -0.12), 'y', 90), 0, 0, 0.036),
      ),
      part(
        'handle',
        s.second,
        ...[-1, 1].map((k) => move(stretch(ellipsoid(0.042, 0.017, 0.017, 14), 1, 1, 1), k * 0.16, 0, 0.036)),
      ),
    ],
  },
];
