import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adjustedRandIndex } from '../../metrics/index.ts';
import { agglomerate } from './agglomerate.ts';
import { CLOSED_FORM_DEFAULTS, closedFormLift } from './closed-form.ts';
import type { PosedSegments, SegmentNode } from './evidence.ts';
import { InstanceRenderer, type LiftedGaussians, objectsOfGaussians } from './lifted.ts';
import { objectsTable } from './objects-table.ts';
import { segmentOverlap } from './overlap.ts';
import { type LabelledWorld, labelledWorld, OBJECTS, relabelled } from './testing.ts';
import { voteOnGaussians } from './vote.ts';

let world: LabelledWorld;
beforeAll(async () => {
  world = await labelledWorld();
});
afterAll(() => world.backend.dispose());

const INCONSISTENT = { ...CLOSED_FORM_DEFAULTS, masks: 'inconsistent' } as const;

function posed(change: (labels: Uint16Array, view: number) => Uint16Array): PosedSegments[] {
  return world.views.map((view, v) => ({ view, segments: change(world.truth[v]!, v) }));
}

async function lift(frames: readonly PosedSegments[], parameters: Parameters<typeof closedFormLift>[3] = INCONSISTENT) {
  const found = await closedFormLift(world.reader, world.splats.count, frames, parameters);
  const { votes } = found;
  const lifted: LiftedGaussians = {
    ...{ gaussians: world.splats.count, objects: votes.objects, foreground: votes.foreground, foregroundShare: 0.5 },
    readout: { kind: 'votes', shares: votes.shares },
  };
  return { ...found, lifted, ...objectsOfGaussians(lifted) };
}

/** Agreement of the Gaussians of true objects with the lift. */
function agreement(objectOfGaussian: Uint32Array): number {
  const own = [...world.objectOf.keys()].filter((i) => world.objectOf[i]! > 0);
  return adjustedRandIndex(
    Int32Array.from(own, (i) => objectOfGaussian[i]!),
    Int32Array.from(own, (i) => world.objectOf[i]!),
  );
}

/** Half of an object under an id of its own; the id is free in `relabelled`. */
function split(labels: Uint16Array, id: number): Uint16Array {
  const own = [...labels.keys()].filter((i) => labels[i] === id);
  const half = new Set(own.slice(0, own.length >> 1));
  return labels.map((label, i) => (half.has(i) ? 99 : label));
}

describe('closedFormLift', () => {
  it('makes exact masks with inconsistent ids consistent, and votes the same as with consistent ones', async () => {
    const { votes, objectOfGaussian } = await lift(posed(relabelled));
    expect(votes.objects).toBe(OBJECTS);
    expect(agreement(objectOfGaussian)).toBeGreaterThan(0.97);
    const direct = await lift(
      posed((labels) => labels),
      { ...INCONSISTENT, masks: 'consistent' },
    );
    expect(direct.votes.objects).toBe(OBJECTS);
    expect(adjustedRandIndex(Int32Array.from(objectOfGaussian), Int32Array.from(direct.objectOfGaussian))).toBe(1);
  });

  it('survives splits, merges, misses and spurious segments', async () => {
    const frames = posed((labels, v) => {
      const id = (object: number) => 5 * (1 + ((object * 3 + v) % 7));
      const given = relabelled(labels, v);
      if (v % 3 === 0) return split(given, id(1 + (v % OBJECTS)));
      if (v % 3 === 1) return given.map((label) => (label === id(2) ? id(3) : label));
      const missed = given.map((label) => (label === id(4) ? 0 : label));
      for (let i = 0; i < 30; i++) if (missed[i] === 0) missed[i] = 77;
      return missed;
    });
    const { objectOfGaussian, objectOfNode, evidence } = await lift(frames);
    expect(agreement(objectOfGaussian)).toBeGreaterThan(0.9);
    expect(evidence.nodes.filter((_, node) => objectOfNode[node]! > 0).length).toBeGreaterThan(
      0.7 * evidence.nodes.length,
    );
  });

  it('gives the same maps in all views, close to the truth, in views of the lift and in others', async () => {
    const { lifted } = await lift(posed(relabelled));
    const renderer = new InstanceRenderer(world.backend, world.reader, lifted);
    const numbers = new Map<number, Set<number>>();
    let agrees = 0;
    let total = 0;
    for (const [v, view] of world.views.entries()) {
      const map = await renderer.map(view);
      for (const [pixel, truth] of world.truth[v]!.entries()) {
        total++;
        if ((truth === 0) === (map[pixel] === 0)) agrees++;
        if (truth > 0 && map[pixel]! > 0) {
          const seen = numbers.get(truth) ?? new Set<number>();
          numbers.set(truth, seen.add(map[pixel]!));
        }
      }
    }
    renderer.dispose();
    expect(agrees / total).toBeGreaterThan(0.95);
    expect(numbers.size).toBe(OBJECTS);
    expect(new Set([...numbers.values()].flatMap((found) => [...found])).size).toBe(OBJECTS);
  });

  it('bears one giant segment, empty frames and thousands of segments in a frame', async () => {
    const frames = posed((labels, v) => {
      if (v === 0) return labels.map(() => 9);
      if (v === 1) return labels.map(() => 0);
      if (v === 2) return labels.map((_, i) => i + 1);
      return relabelled(labels, v);
    });
    const { votes, objectOfGaussian } = await lift(frames);
    expect(votes.objects).toBe(OBJECTS);
    expect(agreement(objectOfGaussian)).toBeGreaterThan(0.9);
    const nothing = await lift(posed((labels) => labels.map(() => 0)));
    expect(nothing.votes.objects).toBe(0);
    expect(Math.max(...nothing.objectOfGaussian)).toBe(0);
  });

  it('stops when asked', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(
      closedFormLift(world.reader, world.splats.count, posed(relabelled), INCONSISTENT, signal),
    ).rejects.toThrow('enough');
  });

  it('describes its objects: centroid, extent, best frames', async () => {
    const found = await lift(posed(relabelled));
    const areas = world.views.map((_, v) => {
      const areaPx = new Uint32Array(found.votes.objects + 1);
      areaPx[1] = v;
      return { frame: `frame ${v}`, areaPx };
    });
    const { means, logitOpacities } = world.splats;
    const rows = objectsTable({ ...found, objects: found.votes.objects, means, logitOpacities }, areas);
    expect(rows).toHaveLength(OBJECTS);
    expect(rows[0]!.bestFrames[0]).toEqual({ frame: 'frame 9', areaPx: 9 });
    expect(rows[0]!.frames).toBe(world.views.length - 1);
    const centres = rows.map(({ centroid }) => centroid![0]).sort((a, b) => a - b);
    for (const [i, x] of centres.entries()) expect(Math.abs(x - (-1.2 + 0.6 * i))).toBeLessThan(0.06);
    for (const { extent, confidence } of rows) {
      expect(extent!.max[0] - extent!.min[0]).toBeGreaterThan(0.2);
      expect(extent!.max[0] - extent!.min[0]).toBeLessThan(0.7);
      expect(confidence).toBeGreaterThan(0.5);
    }
  });
});

describe('agglomerate', () => {
  const node = (view: number, areaPx = 10): SegmentNode => ({ view, label: 1, areaPx, confidence: 1 });
  /** Pairs with their shared mass; every node has mass 1 in every view. */
  const overlapOf = (count: number, views: number, pairs: readonly (readonly [number, number, number])[]) => {
    const rows = Array.from({ length: count }, (_, a) =>
      pairs
        .flatMap(([x, y, mass]) => (x === a ? [[y, mass]] : y === a ? [[x, mass]] : []))
        .sort((p, q) => p[0]! - q[0]!),
    );
    const start = new Uint32Array(count + 1);
    for (let a = 0; a < count; a++) start[a + 1] = start[a]! + rows[a]!.length;
    return {
      areaInView: new Float32Array(count * views).fill(1),
      start,
      partners: Uint32Array.from(rows.flat(), ([other]) => other!),
      shared: Float32Array.from(rows.flat(), ([, mass]) => mass!),
    };
  };

  it('merges by pooled IoU and never puts two segments of a view together', () => {
    const nodes = [node(0), node(1), node(2), node(2, 4)];
    const overlap = overlapOf(4, 3, [
      [0, 1, 0.9],
      [0, 2, 0.8],
      [1, 2, 0.8],
      [0, 3, 0.7],
      [1, 3, 0.7],
    ]);
    const groups = agglomerate(nodes, 3, overlap, { threshold: 0.3, mostConflicts: 0.5 });
    expect([...groups]).toEqual([0, 0, 0, 1]);
  });

  it('keeps the larger half when groups that share a view are merged after all', () => {
    // Two pairs that found each other through the halves of view 2, then agree in all other pairs.
    const nodes = [node(0), node(2, 4), node(1), node(2, 9), node(3), node(4)];
    const strong: [number, number, number][] = [
      [0, 1, 0.99],
      [2, 3, 0.98],
      [0, 2, 0.7],
      [0, 4, 0.9],
      [2, 5, 0.9],
      [4, 5, 0.7],
      [0, 5, 0.7],
      [2, 4, 0.7],
      [3, 4, 0.7],
      [3, 5, 0.7],
      [0, 3, 0.7],
      [1, 2, 0.4],
      [1, 4, 0.4],
      [1, 5, 0.4],
    ];
    const groups = agglomerate(nodes, 5, overlapOf(6, 5, strong), { threshold: 0.3, mostConflicts: 0.5 });
    const home = groups[0]!;
    expect([groups[2], groups[3], groups[4], groups[5]]).toEqual([home, home, home, home]);
    expect(groups[1]).not.toBe(home);
  });

  it('leaves what does not overlap alone', () => {
    const groups = agglomerate([node(0), node(1)], 2, overlapOf(2, 2, [[0, 1, 0.1]]), {
      threshold: 0.3,
      mostConflicts: 0.5,
    });
    expect(new Set(groups).size).toBe(2);
  });
});

describe('overlap and vote by hand', () => {
  // Two views; Gaussian 0 is seen by both, 1 by the first only. Node 0: view 0, all of Gaussian 0 and half of 1. Node 1: view 1.
  const evidence = {
    gaussians: 2,
    views: 2,
    nodes: [
      { view: 0, label: 1, areaPx: 5, confidence: 1 },
      { view: 1, label: 1, areaPx: 5, confidence: 1 },
    ],
    byNode: rows([0, 2, 3], [0, 1, 0], [4, 1, 3]),
    byGaussian: rows([0, 2, 3], [0, 1, 0], [4, 3, 1]),
    visibility: rows([0, 2, 3], [0, 1, 0], [4, 6, 2]),
  };
  function rows(start: number[], ids: number[], weights: number[]) {
    return { start: Uint32Array.from(start), ids: Uint32Array.from(ids), weights: Float32Array.from(weights) };
  }

  it('counts only Gaussians that both views see', () => {
    const { areaInView, start, partners, shared } = segmentOverlap(evidence, 0);
    // f of node 0: 1 and 0.5; of node 1: 0.5. min(V) of Gaussian 0: 4.
    expect([...areaInView]).toEqual([5, 4, 2, 3]);
    expect([...start]).toEqual([0, 1, 2]);
    expect([...partners]).toEqual([1, 0]);
    expect([...shared]).toEqual([2, 2]);
    // IoU 2 / (4 + 2 - 2) = 0.5.
    expect(segmentOverlap(evidence, 0.49).partners).toHaveLength(2);
    expect(segmentOverlap(evidence, 0.51).partners).toHaveLength(0);
  });

  it('votes by share of sight', () => {
    const votes = voteOnGaussians(evidence, Int32Array.of(1, 2), 2);
    expect([...votes.shares.start]).toEqual([0, 2, 3]);
    expect([...votes.shares.ids]).toEqual([1, 2, 1]);
    expect(votes.shares.weights[0]).toBeCloseTo(0.4, 6);
    expect(votes.shares.weights[1]).toBeCloseTo(0.3, 6);
    expect(votes.shares.weights[2]).toBeCloseTo(0.5, 6);
    expect(votes.foreground[0]).toBeCloseTo(0.7, 6);
    const silent = voteOnGaussians(evidence, Int32Array.of(0, 2), 2);
    expect([...silent.shares.ids]).toEqual([2]);
    expect(silent.foreground[0]).toBeCloseTo(0.7, 6);
  });
});
