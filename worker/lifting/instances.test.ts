import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  decodeLiftedObservations,
  encodeLiftedObservations,
  type LiftedObservations,
  liftingRequestSchema,
  MasksEncoder,
  segmentsOfLabels,
  type TrainingFrame,
} from '../../contract/index.ts';
import { InstanceRenderer } from '../objects/index.ts';
import { type LabelledWorld, labelledWorld, OBJECTS } from '../objects/lifting/testing.ts';
import { writeSplats } from '../splats/index.ts';
import { readLift } from './artifact.ts';
import { writeInstances } from './instances.ts';
import { liftObjects } from './job.ts';
import { loadMasks } from './masks.ts';

const directory = await mkdtemp(join(tmpdir(), 'liftscope-instances-'));
const at = (name: string) => join(directory, name);
afterAll(() => rm(directory, { recursive: true }));

let world: LabelledWorld;
let frames: TrainingFrame[];
beforeAll(async () => {
  world = await labelledWorld(5);
  await writeSplats(at('world.splats'), world.splats, {});
  frames = world.views.map((view, v): TrainingFrame => {
    const angle = Math.atan2(view.cameraFromWorld[8]!, view.cameraFromWorld[0]!);
    const { widthPixels: width, heightPixels: height, fx, fy, cx, cy } = view;
    return {
      ...{ name: `${v}.png`, imagePath: 'unused', width, height, fx, fy, cx, cy, role: v === 4 ? 'holdout' : 'train' },
      cameraFromWorld: { quaternion: [Math.cos(angle / 2), 0, -Math.sin(angle / 2), 0], translation: [0, 0, 4] },
    };
  });
});
afterAll(() => world.backend.dispose());

/** The truth as tracked masks; `change` may spoil a frame's labels. The held-out frame has none. */
async function lifted(change: (view: number, labels: Uint16Array) => Uint16Array = (_view, labels) => labels) {
  const encoder = new MasksEncoder();
  const provenance = { kind: 'model' as const, source: 'test' };
  const parts = [
    encoder.header({ name: 'test', provenance, consistentIds: true, classes: [] }),
    ...frames.slice(0, 4).map(({ name, width, height }, v) => {
      const segments = segmentsOfLabels(change(v, world.truth[v]!.slice()));
      return encoder.frame({ frame: name, width, height, segments });
    }),
    encoder.finish(),
  ];
  await writeFile(at('in.masks'), Buffer.concat(parts));
  const request = liftingRequestSchema.parse({
    ...{ splatsPath: at('world.splats'), frames, masks: { kind: 'file', path: at('in.masks') } },
    ...{ recipe: 'closed-form', threads: 1, outputPath: at('out.lift') },
    instances: { masksPath: at('out.masks'), observationsPath: at('out.observations'), setName: 'lifted' },
  });
  const result = await liftObjects(request, { signal: new AbortController().signal, emit: () => undefined });
  const observations = decodeLiftedObservations(await readFile(at('out.observations')));
  return { result, observations, maps: await loadMasks(at('out.masks'), frames) };
}

describe('instance maps of all frames', () => {
  it('hold the objects under one id each, in frames without masks too', async () => {
    const { result, observations, maps } = await lifted();
    expect(result.instances).toEqual({ frames: 5, observations: OBJECTS * 5, segments: OBJECTS * 4 });
    expect(maps.set).toMatchObject({ name: 'lifted', consistentIds: true, provenance: { kind: 'lifted' } });
    // Given id k is object o of the lift, in every frame.
    const objectOf = new Map<number, number>();
    const { id, object, disagreement } = observations.segments;
    for (let i = 0; i < id.length; i++) {
      expect(objectOf.get(id[i]!) ?? object[i]).toBe(object[i]);
      objectOf.set(id[i]!, object[i]!);
      expect(disagreement[i]).toBeLessThan(0.4);
    }
    expect(new Set(objectOf.values()).size).toBe(OBJECTS);
    for (const [v, { name }] of frames.entries()) {
      const map = maps.frames.get(name)!.segments;
      const same = world.truth[v]!.filter((label, i) => label !== 0 && objectOf.get(label) === map[i]).length;
      expect(same / world.truth[v]!.filter((label) => label !== 0).length).toBeGreaterThan(0.7);
    }
    for (let i = 0; i < observations.object.length; i++) {
      if (observations.frame[i] === 4) expect(observations.disagreement[i]).toBeNaN();
      else expect(observations.disagreement[i]).toBeLessThan(0.4);
    }
    expect(result.objects.every(({ bestFrames }) => bestFrames.every(({ frame }) => frame !== '4.png'))).toBe(true);
  });

  it('disagree with what is missing and with what is two objects in one', async () => {
    // In view 1 object 2 was overlooked, in view 2 objects 3 and 4 were taken for one.
    const { observations } = await lifted((view, labels) =>
      labels.map((label) => (view === 1 && label === 2 ? 0 : view === 2 && label === 4 ? 3 : label)),
    );
    const { id, frame, object } = observations.segments;
    const objectOf = (given: number) => object[id.findIndex((value, i) => value === given && frame[i] === 0)]!;
    const of = (given: number, view: number) => {
      const row = observations.object.findIndex((o, i) => o === objectOf(given) && observations.frame[i] === view);
      return observations.disagreement[row]!;
    };
    expect(of(2, 1)).toBe(1);
    expect(of(2, 0)).toBeLessThan(0.4);
    expect(Math.max(of(3, 2), of(4, 2))).toBe(1);
    expect(Math.min(of(3, 2), of(4, 2))).toBeGreaterThan(0.3);
  });
});

describe('maps drawn as channels', () => {
  it('are those of the votes, also where nobody votes for an object', async () => {
    const { maps } = await lifted();
    const { lifted: gaussians } = await readLift(at('out.lift'));
    if (gaussians.readout.kind !== 'votes') throw new Error('not votes');
    const { shares } = gaussians.readout;
    // Foreground that is of no object.
    const weights = shares.weights.map((weight, k) => (shares.ids[k] === 3 ? 0 : weight));
    for (const variant of [
      gaussians,
      { ...gaussians, readout: { kind: 'votes' as const, shares: { ...shares, weights } } },
    ]) {
      const sparse = new InstanceRenderer(world.backend, world.reader, variant);
      const target = { masksPath: at('again.masks'), observationsPath: at('again.observations'), setName: 'again' };
      await writeInstances(sparse, variant, {
        ...{ backend: world.backend, reader: world.reader, target, recipe: 'closed-form', frames },
        ...{ masks: new Map(), consistentIds: false },
      });
      const again = await loadMasks(at('again.masks'), frames);
      for (const [v, { name }] of frames.entries()) {
        const segments = await sparse.map(world.views[v]!);
        expect(again.frames.get(name)!.segments).toEqual(segments);
        if (variant === gaussians) expect(maps.frames.get(name)!.segments).toEqual(segments);
        else expect(segments.includes(3)).toBe(false);
      }
    }
  });
});

describe('the file of observations', () => {
  it('is read as it was written, and refused when it is not whole', () => {
    const given: LiftedObservations = {
      ...{ object: Uint32Array.of(1, 2), frame: Uint32Array.of(0, 7), disagreement: Float32Array.of(0.5, Number.NaN) },
      segments: {
        ...{ id: Uint32Array.of(9), frame: Uint32Array.of(7) },
        ...{ object: Uint32Array.of(0), disagreement: Float32Array.of(1) },
      },
    };
    const bytes = encodeLiftedObservations(given);
    expect(decodeLiftedObservations(bytes)).toEqual(given);
    for (const broken of [bytes.subarray(0, 10), bytes.subarray(1), bytes.subarray(0, -4)]) {
      expect(() => decodeLiftedObservations(broken)).toThrow('damaged');
    }
  });
});
