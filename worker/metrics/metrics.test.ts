import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  adjustedRandIndex,
  averagePrecision,
  boundaryIoU,
  depthError,
  MetricInputError,
  maskIoU,
  meanAveragePrecision,
  meanIoU,
  type PanopticFrame,
  type PanopticOptions,
  panopticQuality,
  recallAtK,
} from './index.ts';

const near = (value: number, expected: number) => expect(Math.abs(value - expected)).toBeLessThan(1e-12);

describe('depth error', () => {
  it('is derived by hand for four pixels, one of them without truth', () => {
    // Errors |2-1|/1 = 1, |3-4|/4 = 0.25, 0; squares 1, 1, 0. Ratios 2, 4/3, 1: below 1.25: one; below 1.5625: two;
    // below 1.953: two.
    const result = depthError(Float32Array.from([2, 3, 5, 9]), Float32Array.from([1, 4, 5, 0]));
    expect(result.pixels).toBe(3);
    near(result.absoluteRelative, 1.25 / 3);
    near(result.squaredRelative, (1 + 0.25) / 3);
    near(result.rootMeanSquare, Math.sqrt(2 / 3));
    expect(result.deltas).toEqual([1 / 3, 2 / 3, 2 / 3]);
  });

  it('scores only inside the mask, and is NaN where there is nothing to score', () => {
    const masked = depthError(Float32Array.from([2, 3]), Float32Array.from([1, 3]), Uint8Array.from([0, 1]));
    expect(masked).toMatchObject({ pixels: 1, absoluteRelative: 0, deltas: [1, 1, 1] });
    const nothing = depthError(Float32Array.from([2]), Float32Array.from([Number.NaN]));
    expect(nothing).toMatchObject({ pixels: 0, absoluteRelative: Number.NaN, rootMeanSquare: Number.NaN });
  });

  it('fails every delta for a depth behind the camera and refuses one that is not finite', () => {
    expect(depthError(Float32Array.from([-1]), Float32Array.from([1])).deltas).toEqual([0, 0, 0]);
    expect(() => depthError(Float32Array.from([Number.NaN]), Float32Array.from([1]))).toThrow(/pixel 0 is NaN/);
    expect(() => depthError(new Float32Array(3), new Float32Array(4))).toThrow(MetricInputError);
  });
});

describe('adjusted Rand index', () => {
  it('is derived by hand for six points', () => {
    // a = 000111, b = 001122: pairs together in both: C(2,2) from {0,1} + 0 + 0 + C(2,2) from {4,5} = 2.
    // In a: 2 * C(3,2) = 6; in b: 3 * C(2,2) = 3; all: 15. Expected 6*3/15 = 1.2. (2 - 1.2)/(4.5 - 1.2) = 8/33.
    near(adjustedRandIndex([0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 2, 2]), 8 / 33);
  });

  it('is 1 up to renaming, defined for trivial labellings, symmetric and at most 1', () => {
    expect(adjustedRandIndex([0, 0, 1, -1], [5, 5, 2, 9])).toBe(1);
    expect(adjustedRandIndex([], [])).toBe(1);
    expect(adjustedRandIndex([3], [4])).toBe(1);
    expect(adjustedRandIndex([1, 1, 1], [2, 2, 2])).toBe(1);
    expect(adjustedRandIndex([1, 1, 1], [0, 1, 2])).toBe(0);
    expect(() => adjustedRandIndex([1], [1, 2])).toThrow(MetricInputError);
    const labels = fc.array(fc.tuple(fc.integer({ min: -1, max: 3 }), fc.integer({ min: -1, max: 3 })), {
      minLength: 2,
    });
    fc.assert(
      fc.property(labels, (pairs) => {
        const a = pairs.map(([label]) => label);
        const b = pairs.map(([, label]) => label);
        const value = adjustedRandIndex(a, b);
        near(adjustedRandIndex(b, a), value);
        expect(value <= 1).toBe(true);
        near(adjustedRandIndex(a, a), 1);
      }),
      { seed: 11 },
    );
  });
});

describe('ranked lists', () => {
  it('integrates precision over recall, ties as one threshold', () => {
    // Descending: hit, miss, hit: 1/2 * 1 + 1/2 * 2/3 = 5/6.
    near(averagePrecision([0.9, 0.8, 0.1], [1, 0, 1]), 5 / 6);
    // The first two tie: after both, precision 1/2 at recall 1/2; then 2/3: 1/2 * 1/2 + 1/2 * 2/3 = 7/12.
    near(averagePrecision([0.9, 0.9, 0.1], [1, 0, 1]), 7 / 12);
    near(averagePrecision([0.9, 0.9, 0.1], [0, 1, 1]), 7 / 12);
  });

  it('has no average precision without anything relevant, and leaves such queries out of means', () => {
    expect(averagePrecision([0.5], [0])).toBeNaN();
    const queries = [
      { scores: [3, 2, 1], isRelevant: [false, true, false] },
      { scores: [3, 2, 1], isRelevant: [true, false, false] },
      { scores: [1], isRelevant: [false] },
    ];
    // AP 1/2 and 1; the third has nothing to find.
    expect(meanAveragePrecision(queries)).toEqual({ value: 0.75, queries: 2 });
    // Best item relevant in one of two; within the best two in both.
    expect(recallAtK(queries, 1)).toEqual({ value: 0.5, queries: 2 });
    expect(recallAtK(queries, 2)).toEqual({ value: 1, queries: 2 });
    expect(recallAtK([], 1)).toEqual({ value: Number.NaN, queries: 0 });
  });

  it('refuses scores that are not finite', () => {
    expect(() => averagePrecision([1, Number.NaN], [1, 0])).toThrow(/item 1 is NaN/);
    expect(() => averagePrecision([1], [1, 0])).toThrow(/1 scores for 2/);
    expect(() => recallAtK([], 0)).toThrow(MetricInputError);
  });
});

describe('masks', () => {
  it('measures overlap', () => {
    // Inside both: 1; inside either: 3.
    near(maskIoU(Uint8Array.from([1, 1, 0, 0]), Uint8Array.from([0, 1, 255, 0])), 1 / 3);
    expect(maskIoU(new Uint8Array(4), new Uint8Array(4))).toBe(1);
    expect(maskIoU(new Uint8Array(2), Uint8Array.from([1, 0]))).toBe(0);
    expect(() => maskIoU(new Uint8Array(2), new Uint8Array(3))).toThrow(MetricInputError);
  });

  it('compares the rims of masks', () => {
    // 5x5 image, one pixel thick. Full mask: rim = the 16 border pixels (outside is background). The 3x3 centre block:
    // rim = its 8 outer pixels, none on the border. No common pixel: 0; against itself 1.
    const full = new Uint8Array(25).fill(1);
    const block = Uint8Array.from({ length: 25 }, (_, i) =>
      Math.abs((i % 5) - 2) < 2 && Math.abs(Math.floor(i / 5) - 2) < 2 ? 1 : 0,
    );
    expect(boundaryIoU(full, block, 5, 5)).toBe(0);
    expect(boundaryIoU(block, block, 5, 5)).toBe(1);
    // The block one to the right: rims of 8 pixels each. Columns 1-3 against 2-4, rows 1-3: common are row 1: 2, 3;
    // row 2: none (2 is inside the first, 3 inside the second; column 2 is rim of the second but inside of the first,
    // column 3 the reverse); row 3: 2, 3. 4 / (8 + 8 - 4) = 1/3.
    const moved = Uint8Array.from({ length: 25 }, (_, i) => (i % 5 > 0 ? block[i - 1]! : 0));
    near(boundaryIoU(block, moved, 5, 5), 1 / 3);
    expect(() => boundaryIoU(full, block, 5, 6)).toThrow(/25 pixels; an image of 5 x 6 has 30/);
  });

  it('averages IoU over the classes that are there', () => {
    // Class 0: both 1, either 2 -> 1/2. Class 1: both 1, either 2 -> 1/2; class 2 nowhere; the pixel with 255 is not scored.
    const result = meanIoU(Uint8Array.from([0, 1, 1, 0]), Uint8Array.from([0, 0, 1, 255]), { classes: 3, ignore: 255 });
    near(result.mean, 0.5);
    near(result.accuracy, 2 / 3);
    expect(result.perClass[2]).toBeNaN();
    expect(meanIoU(new Uint8Array(0), new Uint8Array(0), { classes: 2 }).mean).toBeNaN();
    expect(() => meanIoU(Uint32Array.from([7]), Uint32Array.from([0]), { classes: 3 })).toThrow(/predicted class 7/);
    expect(() => meanIoU(Int32Array.from([0]), Int32Array.from([-1]), { classes: 3 })).toThrow(/target class -1/);
    expect(() => meanIoU(new Uint8Array(2), new Uint8Array(3), { classes: 3 })).toThrow(MetricInputError);
  });
});

describe('panoptic quality', () => {
  const options: PanopticOptions = { things: [1], stuff: [0], minClassShare: 0 };
  const image = (width: number, target: [number[], number[]], predicted: [number[], number[]]): PanopticFrame => ({
    height: target[0].length / width,
    width,
    targetClasses: Uint32Array.from(target[0]),
    targetInstances: Uint32Array.from(target[1]),
    predictedClasses: Uint32Array.from(predicted[0]),
    predictedInstances: Uint32Array.from(predicted[1]),
  });
  // One row of ten pixels: background 4, object 1 of 3, object 2 of 3. The prediction takes one pixel of object 1 from
  // the background and splits object 2 into 2 + 1.
  const first = image(
    10,
    [
      [0, 0, 0, 0, 1, 1, 1, 1, 1, 1],
      [0, 0, 0, 0, 1, 1, 1, 2, 2, 2],
    ],
    [
      [0, 0, 0, 1, 1, 1, 1, 1, 1, 1],
      [0, 0, 0, 5, 5, 5, 5, 6, 6, 7],
    ],
  );

  it('is derived by hand for one frame', () => {
    // Background: 3/4 > 0.5, TP, no other: PQ 0.75. Things: (1,5) IoU 3/4, (2,6) IoU 2/3, segment 7 (1/3) is FP.
    // SQ = (3/4 + 2/3)/2 = 17/24, RQ = 2/(2 + 0.5) = 0.8, PQ = 17/30. Mean PQ = (0.75 + 17/30)/2.
    const result = panopticQuality([first], options);
    expect(result.classes).toHaveLength(2);
    expect(result.classes[1]).toMatchObject({
      id: 1,
      isThing: true,
      truePositives: 2,
      falsePositives: 1,
      falseNegatives: 0,
    });
    near(result.classes[0]!.pq, 0.75);
    near(result.classes[1]!.sq, 17 / 24);
    near(result.classes[1]!.rq, 0.8);
    near(result.pq, (0.75 + 17 / 30) / 2);
  });

  it('pools a scene, so that an id that changes between frames costs', () => {
    // Two frames of two pixels, object 1 fills both. The prediction calls it 5, then 6: each covers half the pooled
    // segment, IoU 2/4 is not above 0.5: FN 1, FP 2, PQ 0. With one id it is 1.
    const at = (id: number) =>
      image(
        2,
        [
          [1, 1],
          [1, 1],
        ],
        [
          [1, 1],
          [id, id],
        ],
      );
    expect(panopticQuality([at(5), at(6)], options)).toMatchObject({ pq: 0, sq: 0, rq: 0 });
    expect(panopticQuality([at(5), at(6)], options).classes[0]).toMatchObject({ falsePositives: 2, falseNegatives: 1 });
    expect(panopticQuality([at(5), at(5)], options).pq).toBe(1);
    expect(panopticQuality([at(6)], options).pq).toBe(1);
  });

  it('leaves out what is void', () => {
    // Class 9 is void. Target object 1 covers pixels 0-3; the prediction has void on 2, 3: union 2 + 4 - 2 - 2 = 2: IoU 1.
    const half = image(
      4,
      [
        [1, 1, 1, 1],
        [1, 1, 1, 1],
      ],
      [
        [1, 1, 9, 9],
        [4, 4, 0, 0],
      ],
    );
    expect(panopticQuality([half], options).pq).toBe(1);
    // More than half of the unmatched target lies under predicted void: no FN. Its class is there but has nothing to
    // count: all 0.
    const hidden = image(
      4,
      [
        [1, 1, 1, 1],
        [1, 1, 1, 1],
      ],
      [
        [0, 9, 9, 9],
        [0, 0, 0, 0],
      ],
    );
    const result = panopticQuality([hidden], options);
    expect(result.classes.find(({ id }) => id === 1)).toMatchObject({ falseNegatives: 0, truePositives: 0, pq: 0 });
    // A class under the share becomes void on both sides: 1 of 10 pixels with a limit of 20 %.
    const small = image(
      10,
      [
        [1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        [1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
      ],
      [
        [1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        [1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
      ],
    );
    expect(panopticQuality([small], { ...options, minClassShare: 0.2 }).classes.map(({ id }) => id)).toEqual([0]);
  });

  it('has no figure where nothing can be scored, and misses everything where nothing is predicted', () => {
    expect(panopticQuality([], options)).toMatchObject({ pq: Number.NaN, classes: [] });
    expect(panopticQuality([image(1, [[], []], [[], []])], { ...options }).pq).toBeNaN();
    const unseen = image(
      2,
      [
        [1, 1],
        [1, 2],
      ],
      [
        [0, 0],
        [0, 0],
      ],
    );
    expect(panopticQuality([unseen], options).classes).toMatchObject([
      { id: 0, falsePositives: 1 },
      { id: 1, falseNegatives: 2, pq: 0 },
    ]);
  });

  it('names the image that is wrong', () => {
    const wrong = { ...first, predictedInstances: new Uint32Array(9) };
    expect(() => panopticQuality([first, wrong], options)).toThrow(/frame 1: predictedInstances has 9 pixels/);
    const negative = { ...first, targetInstances: new Int32Array(10).fill(-3) };
    expect(() => panopticQuality([negative], options)).toThrow(/targetInstances has the id -3 at pixel 0/);
    expect(() => panopticQuality([first], { things: [1], stuff: [1] })).toThrow(/listed twice/);
    expect(() => panopticQuality([first], { things: [-1], stuff: [] })).toThrow(MetricInputError);
  });

  it('lies in [0, 1], is at most SQ and RQ, and is 1 against itself', () => {
    const labels = fc.array(fc.tuple(fc.nat(2), fc.nat(3), fc.nat(2), fc.nat(3)), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(labels, (pixels) => {
        const column = (at: number) => pixels.map((pixel) => pixel[at]!);
        const frame = image(1, [column(0), column(1)], [column(2), column(3)]);
        const { classes } = panopticQuality([frame], options);
        for (const { pq, sq, rq } of classes) {
          expect(pq >= 0 && pq <= sq && pq <= rq && sq <= 1 && rq <= 1).toBe(true);
        }
        const same = panopticQuality([image(1, [column(0), column(1)], [column(0), column(1)])], options);
        for (const { pq } of same.classes) expect(pq).toBe(1);
      }),
      { numRuns: 200, seed: 2 },
    );
  });
});
