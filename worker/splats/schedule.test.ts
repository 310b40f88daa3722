import { describe, expect, it } from 'vitest';
import { defaultTrainingParameters } from '../../contract/index.ts';
import { activeShDegree, densifiesAfter, downscaleLevel, FrameOrder, positionRate, sceneExtentOf } from './schedule.ts';

const parameters = defaultTrainingParameters({
  ...{ iterations: 1000, shDegree: 3, shDegreeEvery: 100, downscales: 2, downscaleEvery: 150 },
  ...{ densifyFrom: 200, densifyEvery: 100, densifyUntil: 0.5, positionRate: 1e-2, positionRateEnd: 1e-4 },
});

describe('schedules', () => {
  it('shows every frame once per epoch, in an order that depends on the seed alone', () => {
    const epoch = (seed: number, from: number) =>
      Array.from({ length: 7 }, (_, i) => new FrameOrder(seed, 7).at(from + i));
    expect([...epoch(1, 0)].sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect([...epoch(1, 7)].sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(epoch(1, 7)).not.toEqual(epoch(1, 0));
    expect(epoch(2, 0)).not.toEqual(epoch(1, 0));
    const walked = new FrameOrder(1, 7);
    expect(Array.from({ length: 14 }, (_, i) => walked.at(i))).toEqual([...epoch(1, 0), ...epoch(1, 7)]);
  });

  it('goes from coarse to fine', () => {
    expect([0, 149, 150, 299, 300, 999].map((i) => downscaleLevel(parameters, i))).toEqual([2, 2, 1, 1, 0, 0]);
  });

  it('raises the degree step by step', () => {
    expect([0, 99, 100, 250, 300, 999].map((i) => activeShDegree(parameters, i))).toEqual([0, 0, 1, 2, 3, 3]);
  });

  it('decays the position rate exponentially, times the extent', () => {
    expect(positionRate(parameters, 0, 2)).toBeCloseTo(2e-2, 12);
    expect(positionRate(parameters, 500, 2)).toBeCloseTo(2e-3, 12);
    expect(positionRate(parameters, 1000, 2)).toBeCloseTo(2e-4, 12);
  });

  it('densifies after iterations 200, 300, 400 and no others', () => {
    const after = Array.from({ length: 1000 }, (_, i) => i).filter((i) => densifiesAfter(parameters, i));
    expect(after).toEqual([199, 299, 399]);
  });

  it('measures the extent from the mean of the cameras', () => {
    expect(
      sceneExtentOf([
        [0, 0, 0],
        [2, 0, 0],
      ]),
    ).toBeCloseTo(1.1, 12);
    expect(sceneExtentOf([[5, 5, 5]])).toBe(1);
  });
});
