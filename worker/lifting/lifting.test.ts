import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  type FrameMasks,
  liftingRequestSchema,
  liftingResultSchema,
  MasksEncoder,
  segmentsOfLabels,
  type TrainingFrame,
} from '../../contract/index.ts';
import { webgpuTests } from '../compute/conformance/suite.ts';
import { SOFTWARE_VARIABLE, WebgpuBackend } from '../compute/index.ts';
import { adjustedRandIndex } from '../metrics/index.ts';
import { type LabelledWorld, labelledWorld, OBJECTS, relabelled } from '../objects/lifting/testing.ts';
import { writeSplats } from '../splats/index.ts';
import { liftHash, readLift, writeLift } from './artifact.ts';
import { liftObjects } from './job.ts';
import { loadMasks } from './masks.ts';
import { liftQuality } from './quality.ts';

const directory = await mkdtemp(join(tmpdir(), 'liftscope-lifting-'));
afterAll(() => rm(directory, { recursive: true }));

const SET = {
  name: 'test',
  provenance: { kind: 'model' as const, source: 'test' },
  consistentIds: false,
  classes: [],
};

async function writeMasks(name: string, frames: readonly FrameMasks[], consistentIds = false): Promise<string> {
  const encoder = new MasksEncoder();
  const parts = [
    encoder.header({ ...SET, consistentIds }),
    ...frames.map((frame) => encoder.frame(frame)),
    encoder.finish(),
  ];
  const path = join(directory, name);
  await writeFile(path, Buffer.concat(parts));
  return path;
}

let world: LabelledWorld;
let frames: TrainingFrame[];
const splatsPath = join(directory, 'world.splats');
beforeAll(async () => {
  world = await labelledWorld(6);
  await writeSplats(splatsPath, world.splats, {});
  frames = world.views.map((view, v): TrainingFrame => {
    const angle = Math.atan2(view.cameraFromWorld[8]!, view.cameraFromWorld[0]!);
    const { widthPixels: width, heightPixels: height, fx, fy, cx, cy } = view;
    return {
      ...{ name: `${v}.png`, imagePath: 'unused', width, height, fx, fy, cx, cy, role: v === 5 ? 'holdout' : 'train' },
      cameraFromWorld: { quaternion: [Math.cos(angle / 2), 0, -Math.sin(angle / 2), 0], translation: [0, 0, 4] },
    };
  });
});
afterAll(() => world.backend.dispose());

const masksOf = (v: number, labels: Uint16Array): FrameMasks => {
  const { width, height } = frames[v]!;
  return { frame: frames[v]!.name, width, height, segments: segmentsOfLabels(labels) };
};
const good = (): FrameMasks[] => world.truth.map((labels, v) => masksOf(v, relabelled(labels, v)));

function request(masks: string, change: object = {}) {
  return liftingRequestSchema.parse({
    ...{ splatsPath, frames, masks: { kind: 'file', path: masks }, recipe: 'closed-form', threads: 1 },
    ...{ outputPath: join(directory, 'out.lift') },
    ...change,
  });
}

const context = () => {
  const events: unknown[] = [];
  return { events, signal: new AbortController().signal, emit: (event: unknown) => void events.push(event) };
};

describe('liftObjects', () => {
  it('makes objects of the masks, writes them, and says what it used', async () => {
    const result = liftingResultSchema.parse(await liftObjects(request(await writeMasks('good', good())), context()));
    expect(result.objects).toHaveLength(OBJECTS);
    expect(result.framesLifted).toBe(5);
    expect(result.warnings).toEqual([]);
    expect(result.parameters).toMatchObject({ linkIou: 0.3, masks: 'inconsistent' });
    expect(result.seconds.total).toBeGreaterThan(0);
    const lift = await readLift(result.liftPath);
    expect(liftHash(lift)).toBe(result.liftHash);
    expect(lift.header.objects).toEqual(result.objects);
    const counts = new Uint32Array(OBJECTS + 1);
    for (const object of lift.objects.objectOfGaussian) counts[object]!++;
    expect([...counts].slice(1)).toEqual(result.objects.map(({ gaussians }) => gaussians));
    const again = await liftObjects(request(await writeMasks('good', good()), { threads: 2 }), context());
    expect(again.liftHash).toBe(result.liftHash);
  });

  it('lifts consistent ids by one vote, and 2D tracks', async () => {
    const consistent = world.truth.map((labels, v) =>
      masksOf(
        v,
        labels.map((id) => (id === 0 ? 0 : 100 + id)),
      ),
    );
    const direct = await liftObjects(request(await writeMasks('consistent', consistent, true)), context());
    expect(direct.objects).toHaveLength(OBJECTS);
    expect(direct.parameters.masks).toBe('consistent');
    const parameters = { kind: 'fused', order: 'capture' };
    const path = await writeMasks('good', good());
    const tracked = await liftObjects(request(path, { recipe: 'mask-tracking-2d', parameters }), context());
    expect(tracked.objects.length).toBeGreaterThanOrEqual(OBJECTS - 1);
    expect(tracked.objects.length).toBeLessThanOrEqual(OBJECTS + 2);
  });

  it('names what is wrong with masks and lifts the rest', async () => {
    const all = good();
    const other = { ...all[0]!, width: 10, height: 10, segments: segmentsOfLabels(new Uint16Array(100).fill(3)) };
    const empty = masksOf(1, new Uint16Array(world.truth[1]!.length));
    const giant = masksOf(2, new Uint16Array(world.truth[2]!.length).fill(4));
    const unknown = { ...all[0]!, frame: 'elsewhere.png' };
    const path = await writeMasks('bad', [other, empty, giant, unknown, all[3]!, all[4]!]);
    const told = context();
    const result = await liftObjects(request(path), told);
    expect(result.framesLifted).toBe(4);
    for (const [name, problem] of [
      ['0.png', '10x10'],
      ['1.png', 'no segments'],
      ['2.png', 'one segment covers'],
      ['elsewhere.png', 'no frame of the capture'],
      ['5.png', 'no masks'],
    ]) {
      const said = result.warnings.filter((line) => line.startsWith(`${name}:`) && line.includes(problem!));
      expect(said, `${name}: ${problem}`).toHaveLength(1);
    }
    expect(told.events.filter((event) => (event as { type: string }).type === 'warning')).toHaveLength(5);
  });

  it('bears a segment per pixel in one frame', async () => {
    const all = good();
    all[0] = masksOf(
      0,
      world.truth[0]!.map((_, i) => i + 1),
    );
    const result = await liftObjects(request(await writeMasks('many', all)), context());
    expect(result.objects).toHaveLength(OBJECTS);
    expect(result.segments).toBeGreaterThan(3000);
  });

  it('refuses what it cannot use', async () => {
    const nothing = await writeMasks('nothing', [masksOf(0, new Uint16Array(world.truth[0]!.length))]);
    await expect(liftObjects(request(nothing), context())).rejects.toMatchObject({ code: 'bad-input' });
    await expect(liftObjects(request(join(directory, 'missing')), context())).rejects.toThrow(/missing/);
    const path = await writeMasks('good', good());
    await expect(liftObjects(request(path, { parameters: { unheard: 1 } }), context())).rejects.toThrow(/unheard/);
    const simulated = { masks: { kind: 'simulated', noise: 'none', seed: 0 } };
    await expect(liftObjects(request(path, simulated), context())).rejects.toThrow(/generated scene/);
    const aborted = { ...context(), signal: AbortSignal.abort(new Error('enough')) };
    await expect(liftObjects(request(path), aborted)).rejects.toThrow('enough');
  });
});

webgpuTests('lifting', () => {
  it('makes the objects that wasm makes', async () => {
    vi.stubEnv(SOFTWARE_VARIABLE, '1');
    try {
      const path = await writeMasks('good', good());
      const onWasm = await liftObjects(request(path), context());
      const expected = (await readLift(onWasm.liftPath)).objects.objectOfGaussian;
      const onWebgpu = await liftObjects(request(path, { backend: 'webgpu' }), context());
      expect(onWebgpu).toMatchObject({ backend: 'webgpu', threads: 1, framesLifted: 5, warnings: [] });
      expect(onWebgpu.objects).toHaveLength(OBJECTS);
      const { objectOfGaussian } = (await readLift(onWebgpu.liftPath)).objects;
      expect(adjustedRandIndex(Int32Array.from(objectOfGaussian), Int32Array.from(expected))).toBeGreaterThan(0.99);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('starts again on wasm when the GPU is lost', async () => {
    vi.stubEnv(SOFTWARE_VARIABLE, '1');
    const { read } = WebgpuBackend.prototype;
    let reads = 0;
    vi.spyOn(WebgpuBackend.prototype, 'read').mockImplementation(function (this: WebgpuBackend, ...given) {
      reads += 1;
      if (reads === 5) this.loseDevice();
      return read.apply(this, given);
    });
    try {
      const told = context();
      const result = await liftObjects(request(await writeMasks('good', good()), { backend: 'webgpu' }), told);
      expect(reads).toBeGreaterThanOrEqual(5);
      expect(result.backend).toBe('wasm');
      expect(result.objects).toHaveLength(OBJECTS);
      const warnings = told.events.filter((event) => (event as { type: string }).type === 'warning');
      expect(warnings).toEqual([{ type: 'warning', message: expect.stringMatching(/GPU was lost.*again on wasm/s) }]);
    } finally {
      vi.restoreAllMocks();
      vi.unstubAllEnvs();
    }
  });
});

describe('masks files', () => {
  it('are refused when cut short', async () => {
    const path = await writeMasks('short', good());
    await truncate(path, 500);
    await expect(loadMasks(path, frames)).rejects.toMatchObject({ code: 'bad-input' });
  });
});

describe('the lift artifact', () => {
  it('comes back as it went, for every readout', async () => {
    const shared = { gaussians: 2, foreground: Float32Array.of(1, 0.25), foregroundShare: 0.5 };
    const objects = { objectOfGaussian: Uint32Array.of(1, 0), confidence: Float32Array.of(0.5, 0.75) };
    const header = {
      recipe: 'closed-form',
      ...{ seed: 7, generator: 'test' },
      fingerprints: { masks: 'm', splats: 's' },
    } as const;
    const shares = { start: Uint32Array.of(0, 1, 1), ids: Uint32Array.of(1), weights: Float32Array.of(0.5) };
    const features = Float32Array.of(1, 2, 3, 4);
    const readouts = [
      { objects: 1, readout: { kind: 'votes', shares } },
      {
        objects: 1,
        readout: { kind: 'embedding', dimensions: 2, unitLength: true, features, centroids: Float32Array.of(5, 6) },
      },
      { objects: 2, readout: { kind: 'logits', features } },
    ] as const;
    for (const { objects: count, readout } of readouts) {
      const lift = {
        header: { ...header, parameters: { a: 1 }, objects: [] },
        lifted: { ...shared, objects: count, readout },
        objects,
      };
      const path = join(directory, `${readout.kind}.lift`);
      await writeLift(path, lift);
      expect(await readLift(path)).toEqual(lift);
    }
  });

  it('is refused when damaged: cut, longer, not finite, an object beyond the last', async () => {
    const path = join(directory, 'votes.lift');
    const whole = await readFile(path);
    const damaged = async (bytes: Buffer) => {
      const file = join(directory, 'damaged.lift');
      await writeFile(file, bytes);
      await expect(readLift(file)).rejects.toMatchObject({ code: 'bad-input' });
    };
    await damaged(whole.subarray(0, whole.length - 4));
    await damaged(Buffer.concat([whole, Buffer.alloc(4)]));
    await damaged(whole.subarray(0, 20));
    await damaged(Buffer.from('no lift at all'));
    const offset = whole.length - 4 * (2 + 2 + 2 + 3 + 1 + 1);
    const beyond = Buffer.from(whole);
    beyond.writeUInt32LE(9, offset);
    await damaged(beyond);
    const notFinite = Buffer.from(whole);
    notFinite.writeFloatLE(Number.NaN, offset + 8);
    await damaged(notFinite);
  });
});

describe('liftQuality', () => {
  const frame = (truth: number[], lifted: number[], given?: number[]) => ({
    ...{ width: 20, height: 1, truth: Uint16Array.from(truth), lifted: Uint32Array.from(lifted) },
    ...(given && { given: Uint16Array.from(given) }),
  });
  const labels = (...runs: readonly (readonly [number, number])[]) =>
    runs.flatMap(([label, count]) => new Array<number>(count).fill(label));

  it('pools frames: an id that changes costs, per frame it does not', () => {
    const truth = labels([1, 5], [2, 5], [0, 10]);
    const same = [
      frame(truth, labels([7, 5], [9, 5], [0, 10]), truth),
      frame(truth, labels([7, 5], [9, 5], [0, 10]), truth),
    ];
    const perfect = liftQuality(same);
    expect(perfect.things).toMatchObject({ pq: 100, sq: 100, rq: 100, truePositives: 2, falsePositives: 0 });
    expect(perfect.twoClass.pq).toBe(100);
    expect(perfect.perFrame).toEqual({ before: 100, after: 100 });
    // One instance over both objects: IoU of it with either is exactly 0.5, which is no match.
    expect(perfect.allOneInstance).toMatchObject({ pq: 0, twoClassPq: 50 });
    const swapped = liftQuality([same[0]!, frame(truth, labels([9, 5], [7, 5], [0, 10]))]);
    expect(swapped.things.pq).toBe(0);
    expect(swapped.perFrame).toEqual({ before: 100, after: 100 });
  });

  it('has no figure before where no masks were given, and ids beyond 16 bits', () => {
    const quality = liftQuality([frame(labels([1, 10], [0, 10]), labels([70_000, 10], [4_000_000, 5], [0, 5]))]);
    expect(quality.perFrame.before).toBeNull();
    expect(quality.things).toMatchObject({ truePositives: 1, falsePositives: 1, falseNegatives: 0 });
    expect(quality.things.pq).toBeCloseTo(100 / 1.5, 9);
  });
});
