import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  LiftscopeError,
  preparedCaptureSchema,
  type TrainingParameters,
  trainingParametersSchema,
} from '../../contract/index.ts';
import { lockForTraining, openProject, type Project } from '../project/index.ts';
import { type TrainOptions, trainProject } from './train.ts';

const workerPath = fileURLToPath(new URL('./fixtures/train-worker.ts', import.meta.url));
/** How the stand-in worker ends; see its `ENDS`. */
const [FINISH, WAIT_FOR_CANCEL, CRASH] = [1, 2, 3];

let root: string;
let project: Project;
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'liftscope-train-'));
  project = await openProject(join(root, 'a.liftscope'), { create: true });
  project.captures.add(capture(), await project.artifacts.put(new Uint8Array(30), 'points'), {});
});
afterEach(() => {
  project.close();
  rmSync(root, { recursive: true, force: true });
});

function capture() {
  for (const name of ['0.png', '1.png']) writeFileSync(join(root, name), 'pixels');
  return preparedCaptureSchema.parse({
    name: 'dots',
    sourcePath: root,
    imagesPath: root,
    format: 'nerfstudio',
    cameras: [{ id: 1, model: 'PINHOLE', width: 32, height: 24, params: { fx: 30, fy: 30, cx: 16, cy: 12 } }],
    frames: [0, 1].map((index) => ({
      id: `frame-${index}`,
      name: `${index}.png`,
      imagePath: join(root, `${index}.png`),
      cameraId: 1,
      cameraFromWorld: { quaternion: [1, 0, 0, 0], translation: [index, 0, 2] },
      width: 32,
      height: 24,
      role: index === 0 ? 'train' : 'holdout',
    })),
    points: { count: 2 },
    cameraSpan: { centre: [0, 0, 0], radius: 1 },
    bounds: { min: [-1, -1, -1], max: [1, 1, 1] },
    warnings: [],
    warningCounts: {},
    fingerprint: `sha256:${'0'.repeat(64)}`,
  });
}

function train(
  maxGaussians: number | undefined,
  options: TrainOptions = {},
  parameters: Partial<TrainingParameters> = {},
) {
  return trainProject(project, {
    worker: { workerPath },
    parameters: { ...parameters, ...(maxGaussians !== undefined && { maxGaussians }) },
    ...options,
  });
}

async function failureOf(promise: Promise<unknown>): Promise<LiftscopeError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(LiftscopeError);
  return error as LiftscopeError;
}

const checkpoints = (): string[] => {
  const folder = join(project.folder, 'checkpoints');
  return existsSync(folder) ? readdirSync(folder) : [];
};

describe('trainProject', () => {
  test('a finished training is in the project: splats, metrics, events, and no checkpoints', async () => {
    const { jobId, result, splats } = await train(FINISH, {}, { seed: 7 });
    expect(readFileSync(project.artifacts.path(splats.artifact), 'utf8')).toBe('splats of seed 7');
    expect(result.splatsPath).toBe(project.artifacts.path(splats.artifact));
    expect(await project.artifacts.verify(splats.artifact)).toBe(true);
    expect(project.splats.latest(1)).toEqual(splats);
    expect(project.splats.metrics(splats.id)).toHaveLength(4);
    expect(project.jobs.get(jobId)).toMatchObject({
      state: 'finished',
      checkpointDir: null,
      options: { parameters: { seed: 7 } },
    });
    expect(project.jobs.events(jobId).map((event) => event.type)).toEqual(['started', 'checkpoint']);
    expect(project.jobs.events(jobId)[0]?.event).toMatchObject({ gaussians: 2, iteration: 0 });
    expect(checkpoints()).toEqual([]);
  });

  test('a cancelled one keeps its checkpoints and says where they are; resuming repeats its choices', async () => {
    const abort = new AbortController();
    const failure = await failureOf(
      train(WAIT_FOR_CANCEL, { signal: abort.signal, onEvent: () => abort.abort(), threads: 1 }, { seed: 3 }),
    );
    expect(failure.code).toBe('cancelled');
    expect(failure.message).toMatch(/iteration 77/);
    expect(project.jobs.get(1)).toMatchObject({ state: 'cancelled', failure: { code: 'cancelled' } });
    expect(checkpoints()).toEqual(['1']);
    expect(project.splats.latest(1)).toBeUndefined();

    const events: unknown[] = [];
    const again = new AbortController();
    await failureOf(
      train(undefined, {
        resume: true,
        signal: again.signal,
        onEvent: (event) => {
          events.push(event);
          again.abort();
        },
      }),
    );
    expect(events[0]).toMatchObject({ type: 'started', iteration: 50, threads: 1 });
    expect(project.jobs.get(2)).toMatchObject({
      resumedFrom: 1,
      checkpointDir: 'checkpoints/1',
      options: { parameters: { seed: 3 } },
    });
    expect(checkpoints()).toEqual(['1']);
  });

  test('resuming with other parameters is refused by name, and changes nothing', async () => {
    await failureOf(train(CRASH, {}, { seed: 3 }));
    const failure = await failureOf(train(undefined, { resume: true }, { seed: 4 }));
    expect(failure).toMatchObject({ code: 'bad-input', message: expect.stringMatching(/seed 3/) });
    expect(project.jobs.list('train-splats', 1)).toHaveLength(1);
    expect(checkpoints()).toEqual(['1']);
  });

  test('resuming what another version has started names what has changed between them', async () => {
    const refused = async (change: Record<string, unknown>, drop = ''): Promise<string> => {
      const parameters: Record<string, unknown> = { ...trainingParametersSchema.parse({}), ...change };
      delete parameters[drop];
      const options = JSON.parse(JSON.stringify({ parameters, backend: 'wasm', threads: 1 }));
      const row = { kind: 'train-splats', captureId: 1, options, checkpointDir: 'checkpoints/9', resumedFrom: null };
      const { id } = project.jobs.create(row);
      project.jobs.failed(id, { code: 'crashed', message: 'gone' });
      const failure = await failureOf(train(undefined, { resume: true }));
      expect(failure.code).toBe('bad-input');
      return failure.message;
    };
    expect(await refused({}, 'noiseRate')).toMatch(/another version of Liftscope.*it did not know noiseRate\./);
    expect(await refused({ warmth: 1 })).toMatch(/it knew warmth, which this one does not\./);
    expect(await refused({ shDegree: 9 })).toMatch(/does not accept its parameters\.shDegree/);
  });

  test('a crash is in the project in words, with its checkpoints', async () => {
    const failure = await failureOf(train(CRASH));
    expect(failure).toMatchObject({ code: 'crashed', message: expect.stringMatching(/something broke/) });
    expect(project.jobs.get(1)).toMatchObject({
      state: 'failed',
      checkpointDir: 'checkpoints/1',
      failure: { code: 'crashed' },
    });
    expect(checkpoints()).toEqual(['1']);
  });

  test('nothing to resume: never trained, or finished', async () => {
    expect((await failureOf(train(FINISH, { resume: true }))).message).toMatch(/nothing has been trained/);
    await train(FINISH);
    expect((await failureOf(train(FINISH, { resume: true }))).message).toMatch(/has finished/);
  });

  test('a new training beside an interrupted one keeps its checkpoints until it has finished itself', async () => {
    await failureOf(train(CRASH));
    await failureOf(train(CRASH));
    expect(checkpoints()).toEqual(['1', '2']);
    await train(FINISH);
    expect(checkpoints()).toEqual([]);
    expect(project.jobs.list('train-splats', 1).map((job) => job.state)).toEqual(['finished', 'failed', 'failed']);
  });

  test('what a killed host left "running" is ended by the next training', async () => {
    const { id } = project.jobs.create({
      kind: 'train-splats',
      captureId: 1,
      options: {},
      checkpointDir: null,
      resumedFrom: null,
    });
    project.jobs.started(id, 0x7ffffff0);
    await train(FINISH);
    expect(project.jobs.get(id)).toMatchObject({ state: 'failed', failure: { code: 'crashed' } });
  });

  test('one training at a time', async () => {
    using _lock = lockForTraining(project.folder);
    expect((await failureOf(train(FINISH))).message).toMatch(/Another training is running/);
    expect(project.jobs.list('train-splats', 1)).toEqual([]);
  });

  test('a failure of the event handler does not lose the job', async () => {
    const onEvent = (): void => {
      throw new Error('window closed');
    };
    expect((await failureOf(train(WAIT_FOR_CANCEL, { onEvent }))).message).toMatch(/window closed/);
    expect(project.jobs.get(1).state).toBe('failed');
  });
});
