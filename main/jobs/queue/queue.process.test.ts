import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  type JobSpecInput,
  type JobView,
  jobSpecSchema,
  jobViewSchema,
  LiftscopeError,
  preparedCaptureSchema,
  type StudioJobKind,
} from '../../../contract/index.ts';
import { openProject, type Project } from '../../project/index.ts';
import { isAlive } from '../abandoned.ts';
import { type JobQueue, type JobQueueOptions, openJobQueue, type QueueMessage } from './queue.ts';
import type { JobOutcome, JobRun, JobRunner, RunnerTable } from './runner.ts';

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
/** How the stand-in trainer ends; see its `ENDS`. */
const [FINISH, WAIT_FOR_CANCEL, CRASH, CRASH_ONCE, REPORT] = [1, 2, 3, 4, 5];

let root: string;
let project: Project;
let queue: JobQueue | undefined;
let messages: QueueMessage[];
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'liftscope-queue-'));
  project = await openProject(join(root, 'a.liftscope'), { create: true });
  project.captures.add(capture(), undefined, {});
  messages = [];
});
afterEach(async () => {
  vi.restoreAllMocks();
  await queue?.close();
  queue = undefined;
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
    points: { count: 0 },
    cameraSpan: { centre: [0, 0, 0], radius: 1 },
    bounds: { min: [-1, -1, -1], max: [1, 1, 1] },
    warnings: [],
    warningCounts: {},
    fingerprint: `sha256:${'0'.repeat(64)}`,
  });
}

function open(options: Partial<JobQueueOptions> = {}): JobQueue {
  queue = openJobQueue(project, {
    listener: (message) => messages.push(message),
    worker: { workerPath: fixture('train-worker.ts') },
    ...options,
  });
  return queue;
}

const spec = (input: JobSpecInput) => jobSpecSchema.parse(input);
const training = (maxGaussians: number, iterations = 1000) =>
  spec({ kind: 'train-splats', captureId: 1, parameters: { maxGaussians, iterations } });

/** Resolves once the job's state is one of `states`. */
async function untilState(jobId: number, ...states: JobView['state'][]): Promise<JobView> {
  return vi.waitUntil(
    () => {
      const view = queue?.get(jobId);
      return view !== undefined && states.includes(view.state) ? view : undefined;
    },
    { timeout: 20_000, interval: 5 },
  );
}

async function untilLogged(jobId: number, text: RegExp): Promise<void> {
  await vi.waitUntil(() => queue?.log(jobId).some((line) => text.test(line.text)), { timeout: 20_000, interval: 5 });
}

function refusal(action: () => unknown): LiftscopeError {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(LiftscopeError);
    return error as LiftscopeError;
  }
  throw new Error('was not refused');
}

/** Runners without processes: each job runs until the test ends it. */
function puppets() {
  const started: number[] = [];
  const runs = new Map<number, JobRun & PromiseWithResolvers<JobOutcome>>();
  const puppet = <K extends StudioJobKind>(needs: JobRunner<K>['needs']): JobRunner<K> => ({
    title: () => 'A puppet',
    prepare: ({ kind: _, ...options }) => ({
      captureId: 1,
      options: JSON.parse(JSON.stringify(options)),
    }),
    needs,
    resumable: false,
    run: (_spec, run) => {
      const settle = Promise.withResolvers<JobOutcome>();
      run.signal.addEventListener('abort', () => settle.reject(run.signal.reason));
      started.push(run.job.id);
      runs.set(run.job.id, { ...run, ...settle });
      return settle.promise;
    },
  });
  const runners: RunnerTable = {
    'import-capture': puppet(() => ['import']),
    'train-splats': puppet(({ backend }) => [backend === 'webgpu' ? 'gpu' : 'cpu', 'training']),
    'evaluate-splats': puppet(() => ['cpu']),
    'lift-objects': puppet(() => ['gpu']),
    'segment-frames': puppet(() => ['cpu']),
    'track-objects': puppet(() => ['cpu']),
    'amodal-masks': puppet(() => ['cpu']),
    'train-language': puppet(() => ['cpu']),
  };
  const run = (jobId: number) => {
    const found = runs.get(jobId);
    if (found === undefined) throw new Error(`job ${jobId} was not started`);
    return found;
  };
  const finish = async (jobId: number): Promise<void> => {
    run(jobId).resolve({ result: {}, stored: [] });
    await untilState(jobId, 'finished');
    await Promise.resolve();
  };
  return { runners, started, run, finish };
}

const evaluation = spec({ kind: 'evaluate-splats', splatsId: 1 });
const lifting = spec({ kind: 'lift-objects', splatsId: 1, recipe: 'closed-form' });
const importing = spec({ kind: 'import-capture', path: '/captures/a' });
const onGpu = spec({ kind: 'train-splats', captureId: 1, backend: 'webgpu' });

describe('order', () => {
  test('higher priority first, equal ones as they were queued, and a waiting job may be moved', async () => {
    const { runners, started, finish } = puppets();
    const jobs = open({ runners });
    const [first, low, high, next, moved] = [0, -5, 10, 0, 0].map((priority) => jobs.start(evaluation, priority).id);
    await untilState(high!, 'running');
    expect(started).toEqual([high]);
    expect(refusal(() => jobs.setPriority(high!, 1)).message).toMatch(/not waiting/);
    expect(jobs.setPriority(moved!, 99).priority).toBe(99);
    for (const id of [high, moved, first, next, low]) await finish(id!);
    expect(started).toEqual([high, moved, first, next, low]);
    await jobs.whenIdle();
    expect(jobs.busy).toBe(false);
    expect(jobs.list().map(({ id }) => id)).toEqual([moved, next, high, low, first]);
  });

  test('one job per device, one training per project, and an import beside them', async () => {
    const { runners, started, finish } = puppets();
    const jobs = open({ runners });
    const [cpu, cpu2, gpu, imported, imported2] = [evaluation, evaluation, lifting, importing, importing].map(
      (one) => jobs.start(one).id,
    );
    await untilState(imported!, 'running');
    expect(started).toEqual([cpu, gpu, imported]);
    await finish(imported!);
    await finish(cpu!);
    expect(started).toEqual([cpu, gpu, imported, imported2, cpu2]);
  });

  test('a job that must wait is not overtaken by what needs the same', async () => {
    const { runners, started, finish } = puppets();
    const jobs = open({ runners });
    const [onCpu, trainingOnGpu] = [jobs.start(spec({ kind: 'train-splats', captureId: 1 })).id, jobs.start(onGpu).id];
    const lift = jobs.start(lifting).id;
    await untilState(onCpu, 'running');
    // The second training waits for the first, and the lifting behind it for the device that the training will have.
    expect(started).toEqual([onCpu]);
    await finish(onCpu);
    await finish(trainingOnGpu);
    await finish(lift);
    expect(started).toEqual([onCpu, trainingOnGpu, lift]);
  });

  test('the device of "auto" is the host\'s to say', async () => {
    const asked: string[] = [];
    const { runners, finish } = puppets();
    const table = { ...runners, 'evaluate-splats': { ...runners['evaluate-splats'], needs: runnersNeedingDevice } };
    const jobs = open({
      runners: table,
      compute: { backend: 'webgpu' },
      deviceOf: (backend) => {
        asked.push(backend);
        return 'adapter 0';
      },
    });
    await finish((await untilState(jobs.start(evaluation).id, 'running')).id);
    expect(new Set(asked)).toEqual(new Set(['webgpu']));
  });
});

const runnersNeedingDevice: RunnerTable['evaluate-splats']['needs'] = (_spec, deviceOf) => [deviceOf()];

describe('messages', () => {
  test('states and logs are ordered events, progress is a snapshot that ends at its last value', async () => {
    const { runners, run, finish } = puppets();
    const jobs = open({ runners });
    const { id } = jobs.start(evaluation, 3);
    await untilState(id, 'running');
    const { report } = run(id);
    for (let done = 0; done <= 50; done++) report.event({ type: 'work', stage: 'rendering', done, total: 100 });
    report.memory(5e8);
    report.event({ type: 'warning', message: 'dark photo' });
    await vi.waitUntil(() => messages.some(({ lane }) => lane === 'snapshot'), { interval: 5 });
    await finish(id);

    const seen = messages.map((message) => {
      if (message.lane === 'snapshot') return message.key;
      const { event } = message;
      return event.type === 'job-changed' ? event.job.state : event.type;
    });
    expect(seen).toEqual(['queued', 'running', 'job-log', `job-progress:${id}`, 'finished']);
    for (const message of messages) {
      if (message.lane === 'event' && message.event.type === 'job-changed') jobViewSchema.parse(message.event.job);
    }
    const snapshot = messages.find((message) => message.lane === 'snapshot')?.snapshot;
    expect(snapshot).toMatchObject({
      type: 'job-progress',
      job: { progress: 0.5, detail: 'rendering, 50 of 100', memoryBytes: 5e8, priority: 3 },
    });
    expect(jobs.log(id)).toMatchObject([{ level: 'warning', text: 'dark photo' }]);
    expect(jobs.get(id)).toMatchObject({ state: 'finished', progress: 1, secondsLeft: null, memoryBytes: null });
  });

  test('what is stored is told before the end of the job; a listener that fails ends nothing', async () => {
    const { runners, run } = puppets();
    const order: string[] = [];
    const jobs = open({
      runners,
      onStored: (tables) => order.push(...tables),
      listener: (message) => {
        if (message.lane === 'event' && message.event.type === 'job-changed') order.push(message.event.job.state);
        throw new Error('window closed');
      },
    });
    const { id } = jobs.start(importing);
    await untilState(id, 'running');
    run(id).resolve({ result: {}, stored: ['captures'] });
    await untilState(id, 'finished');
    await vi.waitUntil(() => order.includes('finished'));
    expect(order).toEqual(['queued', 'running', 'captures', 'finished']);
  });

  test('preview images are numbered; only the newest is kept', async () => {
    const { runners, run, finish } = puppets();
    const jobs = open({ runners });
    const { id } = jobs.start(evaluation);
    await untilState(id, 'running');
    expect(jobs.preview(id)).toBeUndefined();
    const snapshot = { type: 'preview', frame: 'a', width: 1, height: 1 } as const;
    run(id).report.snapshot({ ...snapshot, iteration: 10, png: Uint8Array.of(1) });
    run(id).report.snapshot({ ...snapshot, iteration: 20, png: Uint8Array.of(2) });
    expect(jobs.preview(id, 1)).toBeUndefined();
    expect(jobs.preview(id, 2)).toEqual({ preview: 2, iteration: 20, png: Uint8Array.of(2) });
    await finish(id);
    expect(jobs.get(id).preview).toBe(2);
    expect(messages).toContainEqual({
      lane: 'snapshot',
      key: `job-preview:${id}`,
      snapshot: { type: 'job-preview', jobId: id, preview: 2, iteration: 20 },
    });
  });
});

describe('cancelling', () => {
  test('a waiting job ends at once and is never started; one that has ended stays as it is', async () => {
    const { runners, started, finish } = puppets();
    const jobs = open({ runners });
    const [first, second, third] = [1, 2, 3].map(() => jobs.start(evaluation).id);
    expect(jobs.cancel(second!)).toMatchObject({
      state: 'cancelled',
      failure: { message: 'Cancelled before it had started.' },
    });
    await untilState(first!, 'running');
    await finish(first!);
    expect(jobs.cancel(first!)).toMatchObject({ state: 'finished', failure: null });
    expect(jobs.cancel(second!).state).toBe('cancelled');
    await finish(third!);
    expect(started).toEqual([first, third]);
  });

  test('a running job is asked once, and is cancelled when it has stopped', async () => {
    const { runners, run } = puppets();
    const jobs = open({ runners });
    const { id } = jobs.start(evaluation);
    await untilState(id, 'running');
    expect(jobs.cancel(id).state).toBe('cancelling');
    expect(jobs.cancel(id).state).toBe('cancelling');
    expect(run(id).signal.aborted).toBe(true);
    expect(run(id).killSignal.aborted).toBe(false);
    expect(await untilState(id, 'cancelled')).toMatchObject({ failure: { code: 'cancelled' }, resumable: false });
  });

  test('a training writes its checkpoint first', async () => {
    const jobs = open();
    const { id } = jobs.start(training(WAIT_FOR_CANCEL));
    await untilLogged(id, /^Checkpoint at iteration 50/);
    jobs.cancel(id);
    expect(await untilState(id, 'cancelled')).toMatchObject({
      failure: {
        code: 'cancelled',
        message: 'Cancelled; the last checkpoint is at iteration 77.',
        hint: 'Resume continues from iteration 77.',
      },
      resumable: true,
    });
  });
});

describe('failures in words', () => {
  test('any error of a runner; the queue goes on', async () => {
    const { runners, run, finish } = puppets();
    const jobs = open({ runners });
    const [first, second] = [jobs.start(evaluation).id, jobs.start(evaluation).id];
    await untilState(first, 'running');
    run(first).reject(
      Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', path: '/a' }),
    );
    const { failure } = await untilState(first, 'failed');
    expect(failure).toMatchObject({ code: 'disk-full', message: expect.stringMatching(/^The disk is full/) });
    expect(jobs.log(first).at(-1)).toMatchObject({ level: 'error', text: failure?.message });
    await finish(second);
  });

  test('an end that a full disk cannot keep is still shown', async () => {
    const { runners, run } = puppets();
    const jobs = open({ runners });
    const { id } = jobs.start(evaluation);
    await untilState(id, 'running');
    vi.spyOn(project.jobs, 'failed').mockImplementation(() => {
      throw new Error('database or disk is full');
    });
    run(id).reject(new Error('SQLITE_FULL: database or disk is full'));
    expect((await untilState(id, 'failed')).failure?.code).toBe('disk-full');
    await jobs.remove(id);
    expect(jobs.list()).toEqual([]);
  });

  test('a missing photo is named', async () => {
    rmSync(join(root, '1.png'));
    const { id } = open().start(training(FINISH));
    const { failure } = await untilState(id, 'failed');
    expect(failure).toMatchObject({ code: 'not-found', message: expect.stringMatching(/frame 1\.png is missing/) });
    expect(failure?.hint).toMatch(/relink/);
  });

  test('what the project has not, or this version cannot, is refused before it is queued', async () => {
    const jobs = open();
    const refusals = [spec({ kind: 'train-splats', captureId: 9 }), spec({ kind: 'evaluate-splats', splatsId: 4 })].map(
      (one) => refusal(() => jobs.start(one)).message,
    );
    expect(refusals).toEqual(['This project has no capture 9.', 'This project has no model 4.']);
    const unknown = refusal(() => jobs.start(spec({ kind: 'lift-objects', splatsId: 1, recipe: 'magic' })));
    expect(unknown).toMatchObject({
      code: 'unsupported',
      message: 'This version of Liftscope has no lifting named "magic".',
      hint: expect.stringMatching(/^It has: closed-form, /),
    });
    expect(refusal(() => jobs.get(1)).code).toBe('not-found');
    expect(jobs.list()).toEqual([]);
  });

  test('a waiting training of another version says what has changed', async () => {
    const { id } = project.jobs.create({
      kind: 'train-splats',
      captureId: 1,
      options: { parameters: { iterations: 7, warmth: 3 }, backend: 'wasm', threads: 1 },
      checkpointDir: null,
      resumedFrom: null,
      priority: 0,
    });
    open();
    const { failure, title } = await untilState(id, 'failed');
    expect(title).toBe('Train splats');
    expect(failure?.message).toMatch(/another version.*did not know.*maxGaussians.*it knew warmth/);
  });
});

describe('a training', () => {
  test('shows its curve, preview, device and figures; what the worker prints is in the log', async () => {
    const jobs = open();
    const { id, title } = jobs.start(training(REPORT, 100));
    expect(title).toBe('Train dots, 100 iterations');
    expect(await untilState(id, 'finished', 'failed')).toMatchObject({
      state: 'finished',
      device: expect.stringMatching(/^wasm, \d+ threads?$/),
      splatsId: 1,
      detail: 'PSNR 30.00 dB, 5 Gaussians, 1.0 s',
      preview: 1,
      resumable: false,
    });
    expect(jobs.curve(id).map(({ iteration, psnr }) => [iteration, psnr])).toEqual([
      [60, null],
      [80, null],
      [100, null],
      [100, 21.5],
    ]);
    const points = messages.flatMap((message) =>
      message.lane === 'event' && message.event.type === 'job-curve' ? message.event.points : [],
    );
    expect(points).toEqual(jobs.curve(id));
    await jobs.whenIdle();
    const log = jobs.log(id).map(({ text }) => text);
    expect(log).toContain('a word of a library');
    expect(log).toContain('Iteration 100: PSNR 21.50 dB, SSIM 0.750 on the held-out frames.');
    expect([...(jobs.preview(id)?.png ?? [])]).toEqual([1, 2, 3]);
  });

  test('whose worker is killed says so, and resuming goes on from its checkpoint', async () => {
    const jobs = open();
    const { id } = jobs.start(training(WAIT_FOR_CANCEL));
    await untilLogged(id, /^Checkpoint/);
    process.kill(project.jobs.get(id).workerPid ?? 0, 'SIGKILL');
    const view = await untilState(id, 'failed');
    expect(view).toMatchObject({
      resumable: true,
      failure: {
        code: 'killed',
        message: expect.stringMatching(/killed from outside.*last checkpoint is at iteration 50\.$/),
        hint: 'Resume continues from iteration 50.',
      },
    });
    const next = jobs.resume(id);
    expect(next).toMatchObject({ state: 'queued', title: view.title });
    expect(jobs.get(id).resumable).toBe(false);
    expect(refusal(() => jobs.resume(id)).message).toMatch(/resumed already/);
    await untilLogged(next.id, /^Started from iteration 50/);
    jobs.cancel(next.id);
    await untilState(next.id, 'cancelled');
    // The checkpoints are of both: they go with the last one that is removed.
    await jobs.remove(next.id);
    expect(jobs.get(id).resumable).toBe(true);
    await jobs.remove(id);
    expect(existsSync(join(project.folder, 'checkpoints', String(id)))).toBe(false);
    expect(messages.at(-1)).toEqual({ lane: 'event', event: { type: 'job-removed', jobId: id } });
  });

  test('that crashes is started again from its checkpoint, once', async () => {
    const jobs = open();
    const [once, always] = [jobs.start(training(CRASH_ONCE)).id, jobs.start(training(CRASH)).id];
    await untilState(once, 'finished');
    expect(jobs.log(once).filter(({ level }) => level === 'warning')).toMatchObject([
      {
        text: expect.stringMatching(/crashed \(exit code 9\)[\s\S]*started again from its checkpoint at iteration 50/),
      },
    ]);
    expect(await untilState(always, 'failed')).toMatchObject({
      resumable: true,
      failure: { code: 'crashed', message: expect.stringMatching(/had crashed before/) },
    });
    expect(jobs.log(always).filter(({ level }) => level === 'warning')).toHaveLength(1);
  });

  test('without a checkpoint, or one that has not ended, cannot be resumed', async () => {
    const jobs = open();
    const finished = jobs.start(training(FINISH)).id;
    const waiting = jobs.start(training(FINISH)).id;
    expect(refusal(() => jobs.resume(waiting)).message).toMatch(/not ended/);
    await expect(jobs.remove(waiting)).rejects.toMatchObject({ code: 'bad-input', hint: 'Cancel it first.' });
    jobs.cancel(waiting);
    expect(refusal(() => jobs.resume(waiting)).message).toMatch(/no checkpoint/);
    await untilState(finished, 'finished');
    expect(refusal(() => jobs.resume(finished)).message).toMatch(/no checkpoint/);
  });

  test('leaves the checkpoints of other interrupted ones alone when it finishes', async () => {
    const jobs = open();
    const stopped = jobs.start(training(WAIT_FOR_CANCEL)).id;
    await untilLogged(stopped, /^Checkpoint/);
    jobs.cancel(stopped);
    await untilState(stopped, 'cancelled');
    await untilState(jobs.start(training(FINISH)).id, 'finished');
    expect(jobs.get(stopped).resumable).toBe(true);
  });
});

describe('ending and beginning again', () => {
  test('a second studio on the same project is refused', () => {
    open();
    expect(refusal(() => openJobQueue(project, { listener: () => undefined })).message).toMatch(/another studio/);
  });

  test('closing stops what runs, and what waits is started the next time', async () => {
    const first = puppets();
    const jobs = open({ runners: first.runners });
    const [running, waiting] = [jobs.start(evaluation).id, jobs.start(evaluation).id];
    await untilState(running, 'running');
    await jobs.close();
    expect(refusal(() => jobs.start(evaluation)).message).toMatch(/being closed/);
    const second = puppets();
    const again = open({ runners: second.runners });
    expect(again.get(running)).toMatchObject({
      state: 'cancelled',
      failure: { message: 'The studio was closed while this job ran.', hint: 'Start it again.' },
    });
    await untilState(waiting, 'running');
    expect(second.started).toEqual([waiting]);
  });

  test('kill -9 of the studio: its worker ends by itself, the job says so, what waited runs, and resuming goes on', async () => {
    project.close();
    const studio = spawn(process.execPath, [fixture('queue-host.ts'), project.folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await untilPrinted(studio);
    studio.kill('SIGKILL');
    await once(studio, 'exit');

    project = await openProject(project.folder);
    const [waiting, interrupted] = project.jobs.listed(10);
    expect([waiting?.state, interrupted?.state]).toEqual(['queued', 'running']);
    const jobs = open();
    const view = await untilState(interrupted?.id ?? 0, 'failed');
    expect(view).toMatchObject({
      resumable: true,
      failure: {
        code: 'crashed',
        // Written by the worker after its studio had died.
        message: 'The studio was closed or killed while this job ran; its last checkpoint is at iteration 88.',
        hint: 'Resume continues from iteration 88.',
      },
    });
    expect(isAlive(interrupted?.workerPid ?? 0)).toBe(false);
    await untilState(waiting?.id ?? 0, 'finished');
    const next = jobs.resume(view.id);
    await untilLogged(next.id, /^Started from iteration 50/);
    expect(project.jobs.get(next.id).options).toMatchObject({ parameters: { seed: 5 } });
  });

  test('what a command left is ended, except while a command is at work', async () => {
    const { lockForTraining } = await import('../../project/index.ts');
    const ofCommand = { kind: 'train-splats', captureId: 1, options: {}, checkpointDir: null, resumedFrom: null };
    const { id } = project.jobs.create(ofCommand);
    project.jobs.started(id, 0x7ffffff0);
    {
      using _lock = lockForTraining(project.folder);
      expect(open().get(id).state).toBe('running');
      await queue?.close();
    }
    expect(open().get(id)).toMatchObject({
      state: 'failed',
      failure: { message: 'The command that ran this job was ended or killed.' },
    });
  });
});

async function untilPrinted(child: ChildProcess): Promise<void> {
  await once(child.stdout ?? child, 'data');
}
