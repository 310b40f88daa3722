import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MetricInputError } from '../errors.ts';
import { clear, hota, identity, type TrackingFrame, type TrackingSequence } from './index.ts';

const GOLDEN = join(process.env.LIFTSCOPE_GOLDEN ?? '../shared/golden', 'tracking.json');

interface GoldenCase {
  readonly seed: number;
  readonly frames: { gt: number[]; pred: number[]; iou: number[][] }[];
  readonly metrics: Record<string, number | number[]>;
}

const frame = (truthIds: number[], predictedIds: number[], rows: number[][]): TrackingFrame => ({
  truthIds,
  predictedIds,
  similarity: Float64Array.from(rows.flat()),
});

/** One object seen in four frames; the tracker calls it 10 twice, misses it once, then calls it 11. IoU 0.8. */
const SWITCHED: TrackingSequence = {
  frames: [frame([7], [10], [[0.8]]), frame([7], [10], [[0.8]]), frame([7], [], []), frame([7], [11], [[0.8]])],
};

const near = (value: number, expected: number) => expect(Math.abs(value - expected)).toBeLessThan(1e-12);

describe('HOTA', () => {
  it('weighs one identity switch and one miss as derived by hand', () => {
    // At every alpha <= 0.8 (16 of 19): TP 3, FN 1, FP 0, so DetA = 3/4. Pair (7, 10): TPA 2, n_g 4, n_p 2, so
    // 2/(4+2-2) = 1/2; pair (7, 11): 1/(4+1-1) = 1/4. AssA = (2*1/2 + 1*1/4)/3 = 5/12. HOTA = sqrt(3/4 * 5/12) = sqrt(5/16).
    // At alpha 0.85, 0.9, 0.95 nothing matches: all 0 and LocA 1.
    const result = hota(SWITCHED);
    near(result.detA, (16 / 19) * (3 / 4));
    near(result.assA, (16 / 19) * (5 / 12));
    near(result.hota, (16 / 19) * Math.sqrt(5 / 16));
    near(result.locA, (16 * 0.8 + 3) / 19);
    near(result.perAlpha[15]!.alpha, 0.8);
    expect(result.perAlpha[15]!.truePositives).toBe(3);
    expect(result.perAlpha[16]!.truePositives).toBe(0);
    expect(result.perAlpha[0]!.falseNegatives).toBe(1);
  });

  it('prefers the globally aligned track to the larger overlap of one frame', () => {
    // Track 1 follows object 0 for three frames; in the last, a stray track 2 overlaps a little more (0.8 against 0.7).
    // A(0,1) = pot/(3+3-pot), pot = 1 + 1 + 0.7/(1.5+0.7-0.7) = 2.467 -> 0.698; A(0,2): pot = 0.8/1.5 = 0.533 ->
    // 0.533/(3+1-0.533) = 0.154. Scores 0.489 > 0.123: the match is track 1, and AssA at alpha 0.5 is 3/3 = 1.
    const result = hota({
      frames: [frame([0], [1], [[1]]), frame([0], [1], [[1]]), frame([0], [1, 2], [[0.7, 0.8]])],
    });
    near(result.perAlpha[9]!.assA, 1);
    expect(result.perAlpha[9]!.falsePositives).toBe(1);
  });

  it('has a defined value without truth, without predictions and without frames', () => {
    const onlyPredictions = hota({ frames: [frame([], [1, 2], [])] });
    expect(onlyPredictions).toMatchObject({ hota: 0, detA: 0, assA: 0, locA: 1 });
    expect(onlyPredictions.perAlpha[0]!.falsePositives).toBe(2);
    expect(hota({ frames: [frame([3], [], [])] })).toMatchObject({ hota: 0, locA: 1 });
    expect(hota({ frames: [] })).toMatchObject({ hota: 0, locA: 1 });
  });
});

describe('CLEAR', () => {
  it('counts a switch across a gap, a fragment and a miss', () => {
    // TP 3, FN 1, FP 0; frame 4 matches another id than ever before: one switch. Matched, unmatched in the last
    // PROCESSED frame? Frame 3 has no predictions and changes no state, so no fragment: Frag 0. MOTA = (3 - 0 - 1)/4.
    const result = clear(SWITCHED);
    expect(result).toMatchObject({ truePositives: 3, falseNegatives: 1, falsePositives: 0, idSwitches: 1 });
    expect(result.fragmentations).toBe(0);
    near(result.mota, 0.5);
    near(result.motp, 0.8);
    // Matched in 3 of 4 frames = 75 %.
    expect(result).toMatchObject({ mostlyTracked: 0, partlyTracked: 1, mostlyLost: 0 });
  });

  it('counts a fragment when a processed frame interrupts the match', () => {
    // Frame 2 has a prediction far away (IoU 0.1 < 0.5): FP and FN, state "unmatched"; frame 3 resumes with the same id.
    const result = clear({
      frames: [frame([7], [10], [[0.8]]), frame([7], [10], [[0.1]]), frame([7], [10], [[0.8]])],
    });
    expect(result).toMatchObject({ fragmentations: 1, idSwitches: 0, falsePositives: 1, falseNegatives: 1 });
    near(result.mota, (2 - 1) / 3);
  });

  it("keeps the last frame's pair even when another overlaps more", () => {
    // Frame 2: track 1 at 0.6, track 2 at 0.9. 1000 + 0.6 wins: no switch, MOTP = (0.8 + 0.6)/2.
    const result = clear({ frames: [frame([0], [1], [[0.8]]), frame([0], [1, 2], [[0.6, 0.9]])] });
    expect(result).toMatchObject({ idSwitches: 0, falsePositives: 1 });
    near(result.motp, 0.7);
  });

  it('splits the figures by class', () => {
    // Object 0 (class 5) is followed by 10, then by 11: one switch. Object 1 (class 6) is never matched; track 12
    // (class 6) is a false positive in both frames.
    const result = clear(
      {
        frames: [
          frame(
            [0, 1],
            [10, 12],
            [
              [0.9, 0],
              [0, 0.2],
            ],
          ),
          frame(
            [0, 1],
            [11, 12],
            [
              [0.9, 0],
              [0, 0.2],
            ],
          ),
        ],
      },
      { classes: { ofTruth: (id) => (id === 0 ? 5 : 6), ofPrediction: (id) => (id === 12 ? 6 : 5) } },
    );
    expect(result.perClass.get(5)).toMatchObject({ idSwitches: 1, truePositives: 2, falsePositives: 0, mota: 0.5 });
    expect(result.perClass.get(6)).toMatchObject({ idSwitches: 0, falseNegatives: 2, falsePositives: 2, mota: -1 });
    near(result.mota, (2 - 2 - 1) / 4);
  });

  it('has a defined value for empty frames and sequences', () => {
    expect(clear({ frames: [] })).toMatchObject({ mota: 0, idSwitches: 0, truePositives: 0 });
    expect(clear({ frames: [frame([], [4], [])] })).toMatchObject({ falsePositives: 1, mota: -1 });
  });
});

describe('Identity', () => {
  it('gives one predicted track to each true one', () => {
    // Object 7 has 4 frames; track 10 covers 2, track 11 covers 1. Best is 10: IDTP 2, IDFN 2, IDFP 1.
    // IDF1 = 2/(2 + 1/2 + 2/2) = 4/7, precision 2/3, recall 1/2.
    const result = identity(SWITCHED);
    expect(result).toMatchObject({ truePositives: 2, falseNegatives: 2, falsePositives: 1 });
    near(result.idf1, 4 / 7);
    near(result.idPrecision, 2 / 3);
    near(result.idRecall, 1 / 2);
  });

  it('solves the tracks together, not one by one', () => {
    // Overlap frames: (0, 10) 2, (0, 11) 1, (1, 10) 2, (1, 11) 0. Greedy from object 0 gets 2; together 1 + 2 = 3.
    const both = [[0.9], [0.9]];
    const frames = [...[frame([0, 1], [10], both), frame([0, 1], [10], both)], frame([0, 1], [11], [[0.9], [0]])];
    expect(identity({ frames }).truePositives).toBe(3);
  });

  it('has a defined value without anything', () => {
    expect(identity({ frames: [] })).toMatchObject({ idf1: 0, truePositives: 0 });
  });
});

describe('tracking input', () => {
  it('names the frame and what is wrong', () => {
    const bad = (bad: TrackingFrame) => () => hota({ frames: [frame([0], [1], [[1]]), bad] });
    expect(bad(frame([0], [1, 2], [[0.5]]))).toThrow(/frame 1: 1 similarities for 1 truths x 2 predictions/);
    expect(bad(frame([0], [1], [[Number.NaN]]))).toThrow(/frame 1: similarity 0 is NaN/);
    expect(bad(frame([0], [1], [[1.5]]))).toThrow(MetricInputError);
    expect(bad(frame([-1], [1], [[0.5]]))).toThrow(/truth id -1/);
    expect(bad(frame([0], [1, 1], [[0.5, 0.5]]))).toThrow(/predicted id 1 appears twice/);
  });
});

describe('tracking properties', () => {
  const sequences = fc
    .array(fc.tuple(fc.uniqueArray(fc.nat(5), { maxLength: 4 }), fc.uniqueArray(fc.nat(6), { maxLength: 5 })), {
      maxLength: 8,
    })
    .chain((sides) =>
      fc.tuple(
        ...sides.map(([truthIds, predictedIds]) =>
          fc
            .array(fc.double({ min: 0, max: 1, noNaN: true }), {
              minLength: truthIds.length * predictedIds.length,
              maxLength: truthIds.length * predictedIds.length,
            })
            .map((values): TrackingFrame => ({ truthIds, predictedIds, similarity: Float64Array.from(values) })),
        ),
      ),
    )
    .map((frames): TrackingSequence => ({ frames }));

  it('stays within [0, 1] and does not care for the numbers used as ids', () => {
    fc.assert(
      fc.property(sequences, (sequence) => {
        const renamed = {
          frames: sequence.frames.map((at) => ({
            truthIds: Array.from(at.truthIds, (id) => 1000 - 7 * id),
            predictedIds: Array.from(at.predictedIds, (id) => 3 * id + 50),
            similarity: at.similarity,
          })),
        };
        const a = hota(sequence);
        near(hota(renamed).hota, a.hota);
        near(clear(renamed).mota, clear(sequence).mota);
        near(identity(renamed).idf1, identity(sequence).idf1);
        for (const value of [a.hota, a.detA, a.assA, a.locA, identity(sequence).idf1]) {
          expect(value >= 0 && value <= 1 + 1e-12).toBe(true);
        }
        for (const at of a.perAlpha) expect(at.hota ** 2).toBeCloseTo(at.detA * at.assA, 12);
      }),
      { numRuns: 100, seed: 5 },
    );
  });
});

describe.skipIf(!existsSync(GOLDEN))('golden tracking (tracking.json in LIFTSCOPE_GOLDEN)', () => {
  const cases = existsSync(GOLDEN) ? (JSON.parse(readFileSync(GOLDEN, 'utf8')) as { cases: GoldenCase[] }).cases : [];

  it.each(cases.map((golden) => [golden.seed, golden] as const))('seed %i within 1e-6', (_seed, golden) => {
    const sequence = { frames: golden.frames.map(({ gt, pred, iou }) => frame(gt, pred, iou)) };
    const found = hota(sequence);
    const mot = clear(sequence);
    const id = identity(sequence);
    const values: Record<string, number | number[]> = {
      ...{ HOTA: found.hota, DetA: found.detA, AssA: found.assA, LocA: found.locA },
      HOTA_per_alpha: found.perAlpha.map((at) => at.hota),
      AssA_per_alpha: found.perAlpha.map((at) => at.assA),
      ...{ IDF1: id.idf1, IDTP: id.truePositives, IDFP: id.falsePositives, IDFN: id.falseNegatives },
      ...{ IDSW: mot.idSwitches, MOTA: mot.mota, Frag: mot.fragmentations },
    };
    for (const [name, expected] of Object.entries(golden.metrics)) {
      const value = values[name]!;
      const pairs = [expected].flat().map((number, i) => [number, [value].flat()[i]!] as const);
      for (const [wanted, got] of pairs) {
        expect(Math.abs(got - wanted) <= 1e-6, `${name}: ${got} instead of ${wanted}`).toBe(true);
      }
    }
  });
});
