/** A host over temporary folders, without sockets and worker processes, for tests. */
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import {
  encodeCounts,
  type Failure,
  type JobSpec,
  type JobView,
  LiftscopeError,
  type PreparedCapture,
  type ProcedureInput,
  type ProcedureName,
  type ProcedureOutput,
  preparedCaptureSchema,
  procedures,
  type StudioMessage,
  studioMessageSchema,
} from '../../contract/index.ts';
import { openProject } from '../project/index.ts';
import type { HostOptions } from './context.ts';
import { createHost, type Host } from './host.ts';
import { type HostParts, type JobsOptions, type JobsPort, realParts, type ViewsPort } from './ports.ts';

const FRAME = { width: 32, height: 24 };

/** Jobs that only ever wait, and what the test makes them say. */
class FakeJobs implements JobsPort {
  readonly options: JobsOptions;
  readonly jobs: JobView[] = [];
  closed = false;

  constructor(options: JobsOptions) {
    this.options = options;
  }

  start(spec: JobSpec, priority = 0): JobView {
    const job: JobView = {
      id: this.jobs.length + 1,
      kind: spec.kind,
      title: 'path' in spec ? `Import ${spec.path}` : spec.kind,
      state: 'queued',
      priority,
      captureId: null,
      splatsId: null,
      progress: null,
      detail: '',
      secondsLeft: null,
      device: null,
      memoryBytes: null,
      failure: null,
      resumable: false,
      preview: 0,
      createdAt: 1,
      startedAt: null,
      finishedAt: null,
    };
    this.jobs.unshift(job);
    this.options.listener({ lane: 'event', event: { type: 'job-changed', job } });
    return job;
  }

  list(): JobView[] {
    return this.jobs;
  }

  get(jobId: number): JobView {
    const job = this.jobs.find(({ id }) => id === jobId);
    if (job === undefined) throw new LiftscopeError({ code: 'not-found', message: `There is no job ${jobId}.` });
    return job;
  }

  cancel(jobId: number): JobView {
    return { ...this.get(jobId), state: 'cancelled' };
  }

  resume(jobId: number): JobView {
    return this.get(jobId);
  }

  setPriority(jobId: number, priority: number): JobView {
    return { ...this.get(jobId), priority };
  }

  async remove(jobId: number): Promise<void> {
    this.get(jobId);
  }

  curve(): [] {
    return [];
  }

  log(): [] {
    return [];
  }

  preview(jobId: number, preview?: number): { preview: number; png: Uint8Array } | undefined {
    this.get(jobId);
    return preview === 3 ? { preview, png: new Uint8Array([0x89, 0x50]) } : undefined;
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

/** Draws one byte, and remembers what it was asked for. */
class FakeViews implements ViewsPort {
  readonly calls: { call: unknown; streamId: string | undefined }[] = [];
  supersede = false;

  async render(
    call: Parameters<ViewsPort['render']>[0],
    options: { readonly streamId?: string },
  ): ReturnType<ViewsPort['render']> {
    this.calls.push({ call, streamId: options.streamId });
    if (this.supersede) return { status: 'superseded' };
    const { width, height } = call.view;
    const depthRange = call.channel === 'depth' ? { depthRange: { near: 1, far: 5 } } : {};
    const format = call.format ?? 'jpeg';
    const image = {
      bytes: new Uint8Array([7]),
      format,
      width,
      height,
      totalMs: 2,
      drawMs: 1,
      gaussians: 1,
      ...depthRange,
    };
    return { status: 'done', image };
  }

  async pick(call: Parameters<ViewsPort['pick']>[0]): ReturnType<ViewsPort['pick']> {
    this.calls.push({ call, streamId: undefined });
    return { gaussian: 4, weight: 0.5, alpha: 0.9, depth: 2, position: [0, 0, 2], mean: [0, 0, 2] };
  }

  async segment(call: Parameters<ViewsPort['segment']>[0]): ReturnType<ViewsPort['segment']> {
    this.calls.push({ call, streamId: undefined });
    const { width, height } = call.view;
    const mask = { width, height, areaPx: 1, rle: encodeCounts([0, 1, width * height - 1]) };
    const gaussiansRle = encodeCounts([1, 2]);
    return {
      mask,
      memberMaps: (call.memberViews ?? []).map(() => mask),
      maps: (call.maps ?? []).map(() => mask),
      gaussians: 2,
      gaussiansRle,
      similarity: 'cosine',
      warm: true,
      totalMs: 1,
    };
  }

  /** Everything is found, unless the text is `nothing`. */
  async query(call: Parameters<ViewsPort['query']>[0]): ReturnType<ViewsPort['query']> {
    this.calls.push({ call, streamId: undefined });
    const found = call.text !== 'nothing';
    if (call.relevancyPath !== undefined) {
      await writeFile(call.relevancyPath, new Uint8Array(Float32Array.of(0.25, found ? 0.75 : 0.25, 0.5).buffer));
    }
    const views = (call.views ?? []).map((_, i) => ({
      ...{ maximum: found ? 0.6 + i / 100 : 0.4, areaPx: 1 },
      best: found ? { x: 1.5, y: 2.5 } : null,
    }));
    const seen = views.map((_, view) => ({ view, score: view + 1 })).reverse();
    return {
      ...{
        found,
        gate: 0.5,
        maximum: found ? 0.75 : 0.25,
        unknownWords: [],
        notes: [],
        negatives: call.negatives ?? [],
      },
      ...{ scales: [{ name: 'all', maximum: 0.75 }], scale: 'composite', threshold: 0.5, recipe: 'n2f2', warm: true },
      objects: found ? [{ id: 2, relevancy: 0.7, maximum: 0.75, share: 0.9, views: seen }] : [],
      ...{ views, encodeMs: 1, totalMs: 2 },
    };
  }

  async embedding(call: Parameters<ViewsPort['embedding']>[0]): ReturnType<ViewsPort['embedding']> {
    this.calls.push({ call, streamId: undefined });
    return { dimensions: 3, source: 'embedding', explained: [0.6, 0.3], points: [0, 1, 1, 0], gaussians: [0, 2] };
  }

  async dispose(): Promise<void> {}
}

export interface TestHost extends AsyncDisposable {
  readonly host: Host;
  /** Real path of a temporary folder, which is the only root. */
  readonly folder: string;
  readonly views: FakeViews;
  /** Of the project that is open. */
  readonly jobs: () => FakeJobs;
  get(path: string, headers?: Record<string, string>, method?: string): Promise<Response>;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
  /** The checked output. @throws LiftscopeError the failure */
  call<N extends ProcedureName>(name: N, input: ProcedureInput<N>): Promise<ProcedureOutput<N>>;
  /** The failure that the call must end with. */
  failure<N extends ProcedureName>(name: N, input: unknown): Promise<Failure & { status: number }>;
}

/** @param options `jobs: 'real'`: the queue itself, for jobs that need no worker */
export async function startHost({
  jobs: whichJobs,
  ...options
}: Partial<HostOptions> & { readonly jobs?: 'real' } = {}): Promise<TestHost> {
  const base = await realpath(await mkdtemp(join(tmpdir(), 'liftscope-host-')));
  const folder = join(base, 'root');
  await mkdir(folder);
  const views = new FakeViews();
  const opened: FakeJobs[] = [];
  const parts: HostParts = {
    openJobs: (project, jobOptions) => {
      if (whichJobs === 'real') return realParts.openJobs(project, jobOptions);
      const jobs = new FakeJobs(jobOptions);
      opened.push(jobs);
      return jobs;
    },
    openViews: () => views,
  };
  const host = await createHost(
    {
      version: '1.2.3',
      configFolder: join(base, 'config'),
      cacheFolder: join(base, 'cache'),
      roots: [folder],
      ...options,
    },
    parts,
  );
  const get: TestHost['get'] = (path, headers = {}, method = 'GET') =>
    host.handle(new Request(`http://host${path}`, { method, headers }));
  const post: TestHost['post'] = (path, body, headers = {}) =>
    host.handle(
      new Request(`http://host${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    );
  return {
    host,
    folder,
    views,
    jobs: () => {
      const jobs = opened.at(-1);
      if (jobs === undefined) throw new Error('no project was opened');
      return jobs;
    },
    get,
    post,
    call: async (name, input) => {
      const response = await post(`/api/${name}`, input);
      const body: unknown = await response.json();
      if (response.status !== 200) throw new LiftscopeError(body as Failure);
      return procedures[name].output.parse(body) as ProcedureOutput<typeof name>;
    },
    failure: async (name, input) => {
      const response = await post(`/api/${name}`, input);
      if (response.status === 200) throw new Error(`${name} was answered: ${await response.text()}`);
      return { ...((await response.json()) as Failure), status: response.status };
    },
    [Symbol.asyncDispose]: async () => {
      await host.close();
      await rm(base, { recursive: true, force: true });
    },
  };
}

/** Messages of an event stream, one after another. */
export async function* readMessages(body: ReadableStream<Uint8Array> | null): AsyncGenerator<StudioMessage> {
  if (body === null) throw new Error('no body');
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield studioMessageSchema.parse(JSON.parse(line));
  }
}

/** A capture of `count` photos in `folder`/images, each of its own grey. */
export async function writeCapture(folder: string, count = 2): Promise<PreparedCapture> {
  const images = join(folder, 'images');
  await mkdir(images, { recursive: true });
  for (let i = 0; i < count; i++) {
    const create = { ...FRAME, channels: 3 as const, background: { r: 10 * i, g: 90, b: 200 } };
    await writeFile(join(images, `${i}.png`), await sharp({ create }).png().toBuffer());
  }
  return preparedCaptureSchema.parse({
    name: 'room',
    sourcePath: folder,
    imagesPath: images,
    format: 'nerfstudio',
    cameras: [{ id: 1, model: 'PINHOLE', ...FRAME, params: { fx: 30, fy: 31, cx: 16, cy: 12 } }],
    frames: Array.from({ length: count }, (_, i) => ({
      id: `frame-${i}`,
      name: `${i}.png`,
      imagePath: join(images, `${i}.png`),
      cameraId: 1,
      cameraFromWorld: { quaternion: [1, 0, 0, 0], translation: [i, 0, 2] },
      ...FRAME,
      role: i === 0 ? 'holdout' : 'train',
    })),
    points: { count: 1 },
    cameraSpan: { centre: [0, 0, 0], radius: 1 },
    bounds: { min: [-1, -1, -1], max: [1, 1, 1] },
    warnings: [],
    warningCounts: {},
    fingerprint: `sha256:${'0'.repeat(64)}`,
  });
}

/** A project with one capture (its photos in `folder`/capture) and one splat model, closed again. */
export async function writeProject(
  folder: string,
  change: (capture: PreparedCapture) => PreparedCapture = (capture) => capture,
): Promise<{ project: string; captureId: number; splatsId: number }> {
  const capture = change(await writeCapture(join(folder, 'capture')));
  const path = join(folder, 'room.liftscope');
  using project = await openProject(path, { create: true });
  const points = await project.artifacts.put(new Uint8Array(15).fill(1), 'points');
  const captureId = project.captures.add(capture, points, {});
  const artifact = await project.artifacts.put(new TextEncoder().encode('not really splats'), 'splats');
  const splats = project.splats.add({ captureId, jobId: null, artifact, gaussians: 3, shDegree: 0 });
  project.splats.recordQuality(splats.id, null, 100, {
    psnr: 20,
    ssim: 0.5,
    perFrame: [{ name: '0.png', psnr: 20, ssim: 0.5 }],
  });
  project.splats.recordQuality(splats.id, null, null, {
    psnr: 30,
    ssim: 0.9,
    perFrame: [{ name: '0.png', psnr: 30, ssim: 0.9 }],
  });
  return { project: path, captureId, splatsId: splats.id };
}
