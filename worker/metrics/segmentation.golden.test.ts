import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { averagePrecision, boundaryIoU, maskIoU, type PanopticFrame, panopticQuality } from './index.ts';

const GOLDEN = join(process.env.LIFTSCOPE_GOLDEN ?? '../shared/golden', 'segmentation.json');

type Runs = [number, number][];
interface Quality {
  readonly PQ: number;
  readonly SQ: number;
  readonly RQ: number;
}
interface Golden {
  readonly panoptic: {
    readonly height: number;
    readonly width: number;
    readonly things: number[];
    readonly stuff: number[];
    readonly frames: Record<'targetSemantic' | 'targetInstance' | 'predSemantic' | 'predInstance', Runs>[];
    readonly scene: Quality;
    readonly perFrame: Quality[];
  }[];
  readonly mask: { height: number; width: number; a: Runs; b: Runs; IoU: number; BIoU: number }[];
  readonly averagePrecision: { labels: number[]; scores: number[]; AP: number }[];
}

const unrun = (runs: Runs) => runs.flatMap(([value, length]) => new Array<number>(length).fill(value));
const near = (value: number, expected: number, what: string) =>
  expect(Math.abs(value - expected) <= 1e-6, `${what}: ${value} instead of ${expected}`).toBe(true);

describe.skipIf(!existsSync(GOLDEN))('golden segmentation (segmentation.json in LIFTSCOPE_GOLDEN)', () => {
  const golden = existsSync(GOLDEN) ? (JSON.parse(readFileSync(GOLDEN, 'utf8')) as Golden) : undefined;

  it('panoptic quality per frame and per scene', () => {
    expect(golden!.panoptic.length).toBeGreaterThan(0);
    for (const { height, width, things, stuff, frames, scene, perFrame } of golden!.panoptic) {
      const images = frames.map(
        (frame): PanopticFrame => ({
          height,
          width,
          targetClasses: Uint32Array.from(unrun(frame.targetSemantic)),
          targetInstances: Uint32Array.from(unrun(frame.targetInstance)),
          predictedClasses: Uint32Array.from(unrun(frame.predSemantic)),
          predictedInstances: Uint32Array.from(unrun(frame.predInstance)),
        }),
      );
      const compare = (chosen: PanopticFrame[], expected: Quality) => {
        const { pq, sq, rq } = panopticQuality(chosen, { things, stuff });
        near(pq, expected.PQ, 'PQ');
        near(sq, expected.SQ, 'SQ');
        near(rq, expected.RQ, 'RQ');
      };
      compare(images, scene);
      for (const [i, image] of images.entries()) compare([image], perFrame[i]!);
    }
  });

  it('IoU and boundary IoU', () => {
    expect(golden!.mask.length).toBeGreaterThan(0);
    for (const { height, width, a, b, IoU, BIoU } of golden!.mask) {
      const [first, second] = [Uint8Array.from(unrun(a)), Uint8Array.from(unrun(b))];
      near(maskIoU(first, second), IoU, 'IoU');
      near(boundaryIoU(first, second, height, width), BIoU, 'boundary IoU');
    }
  });

  it('average precision', () => {
    expect(golden!.averagePrecision.length).toBeGreaterThan(0);
    for (const { labels, scores, AP } of golden!.averagePrecision) near(averagePrecision(scores, labels), AP, 'AP');
  });
});
