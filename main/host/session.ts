/** The open project with all that depends on it: the queue, the reading thread, and what the page is told. */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import {
  type Frame,
  type FrameMetrics,
  LiftscopeError,
  type PinholeView,
  type ProcedureOutput,
  type ProjectState,
} from '../../contract/index.ts';
import { failureOf } from '../failures.ts';
import { Memberships } from '../instances/index.ts';
import { type CaptureOverview, openProject, type Project, type SplatsRow } from '../project/index.ts';
import type { HostOptions } from './context.ts';
import type { EventHub } from './events.ts';
import type { HostParts, JobMessage, JobsPort } from './ports.ts';
import { type FrameTable, Reads } from './reads/index.ts';
import { captureSummary, frameMetrics, type MissingImages, splatsSummary } from './state.ts';

const SELECTION = 'studio.selection';
const selectionSchema = z.object({ captureId: z.int().nullable(), splatsId: z.int().nullable() });
type Selection = z.infer<typeof selectionSchema>;

interface KnownFrames {
  readonly table: FrameTable;
  readonly positions: ReadonlyMap<string, number>;
}

export class Session {
  readonly project: Project;
  readonly reads: Reads;
  /** Which Gaussian is of which object. */
  readonly memberships: Memberships;
  /** Part of every ETag: ids and revisions mean something else in another project. */
  readonly key: string = randomUUID().slice(0, 8);
  private readonly events: EventHub;
  private queue: JobsPort | undefined;
  private known: { readonly revision: number; readonly captures: readonly CaptureOverview[] } | undefined;
  private readonly frames = new Map<number, Promise<KnownFrames>>();
  private readonly missing = new Map<number, MissingImages>();
  private readonly quality = new Map<number, { psnr: number | null; ssim: number | null }>();
  private observationCount = 0;
  /** Revision of the last change of an observation or a track. */
  private observationsRevision = 0;
  private observations: { captureId: number; revision: number; bytes: Promise<ArrayBuffer> } | undefined;
  private closed = false;

  constructor(project: Project, reads: Reads, events: EventHub) {
    this.project = project;
    this.memberships = new Memberships(project);
    this.reads = reads;
    this.events = events;
    this.observationsRevision = project.revision.revision;
  }

  /** Opens the queue, which takes up what a killed studio left behind. @throws LiftscopeError when another studio has it */
  start(parts: HostParts, options: HostOptions): void {
    this.queue = parts.openJobs(this.project, {
      listener: (message) => this.forward(message),
      onStored: (tables) => this.stored(tables),
      compute: {
        ...(options.backend !== undefined && { backend: options.backend }),
        ...(options.threads !== undefined && { threads: options.threads }),
      },
      ...(options.nodePath !== undefined && { nodePath: options.nodePath }),
    });
    for (const { id } of this.captures()) void this.lookForImages(id);
    void this.countObservations();
  }

  get jobs(): JobsPort {
    if (this.queue !== undefined) return this.queue;
    throw new LiftscopeError({ code: 'internal', message: 'The queue is not open.' });
  }

  /** Oldest first. Counting their frames goes through all of them, so it is done once for each revision. */
  captures(): readonly CaptureOverview[] {
    const { revision } = this.project.revision;
    if (this.known?.revision !== revision) this.known = { revision, captures: this.project.captures.list() };
    return this.known.captures;
  }

  state(): ProjectState {
    const { project } = this;
    const captures = this.captures();
    const splats = project.splats.list();
    const { captureId, splatsId } = this.selection();
    const { revision, savedAt } = project.revision;
    const next = project.edits.next();
    return {
      folder: project.folder,
      name: nameOf(project.folder),
      revision,
      savedAt,
      captures: captures.map((capture) => captureSummary(capture, this.missing.get(capture.id))),
      currentCaptureId: captureId,
      splats: splats.map((row) => splatsSummary(row, this.qualityOf(row.id))),
      currentSplatsId: splatsId,
      objects: project.objects.count(),
      observations: this.observationCount,
      undo: next.undo === null ? null : { label: next.undo },
      redo: next.redo === null ? null : { label: next.redo },
    };
  }

  /** Which capture and model the panels show: what was chosen, as far as it is there, else the newest. */
  selection(): Selection {
    const captures = this.captures().map((capture) => capture.id);
    const splats = this.project.splats.list();
    const chosen = this.project.settings.get(SELECTION, selectionSchema);
    const captureId = captures.find((id) => id === chosen?.captureId) ?? captures.at(-1) ?? null;
    const splatsId =
      splats.find((row) => row.id === chosen?.splatsId)?.id ??
      splats.find((row) => row.captureId === captureId)?.id ??
      splats[0]?.id ??
      null;
    return { captureId, splatsId };
  }

  /** @throws LiftscopeError `not-found` */
  select(change: { captureId?: number | undefined; splatsId?: number | undefined }): void {
    const before = this.selection();
    if (change.captureId !== undefined) this.requireCapture(change.captureId);
    if (change.splatsId !== undefined) this.splats(change.splatsId);
    const captureId = change.captureId ?? before.captureId;
    // Another capture brings its own newest model with it.
    const own =
      captureId === before.captureId || captureId === null
        ? before.splatsId
        : (this.project.splats.latest(captureId)?.id ?? null);
    this.project.settings.set(SELECTION, { captureId, splatsId: change.splatsId ?? own });
    this.changed();
  }

  /** @throws LiftscopeError `not-found` when the project has no capture yet */
  currentCaptureId(): number {
    const { captureId } = this.selection();
    if (captureId !== null) return captureId;
    throw new LiftscopeError({
      code: 'not-found',
      message: 'The project holds no capture yet.',
      hint: 'Import one first.',
    });
  }

  /** @throws LiftscopeError `not-found` */
  requireCapture(captureId: number): CaptureOverview {
    const capture = this.captures().find(({ id }) => id === captureId);
    if (capture !== undefined) return capture;
    throw new LiftscopeError({ code: 'not-found', message: `The project has no capture ${captureId}.` });
  }

  /** @throws LiftscopeError `not-found` */
  splats(splatsId: number): SplatsRow {
    const row = this.project.splats.get(splatsId);
    if (row !== undefined) return row;
    throw new LiftscopeError({ code: 'not-found', message: `The project has no splat model ${splatsId}.` });
  }

  /** @throws LiftscopeError `not-found` */
  async frameTable(captureId: number): Promise<FrameTable> {
    return (await this.knownFrames(captureId)).table;
  }

  /** Place of a frame within its capture. @throws LiftscopeError `not-found` */
  async position(captureId: number, frameId: string): Promise<number> {
    const position = (await this.knownFrames(captureId)).positions.get(frameId);
    if (position !== undefined) return position;
    throw new LiftscopeError({ code: 'not-found', message: 'The capture has no such frame.' });
  }

  /** One frame by its id. @throws LiftscopeError `not-found` */
  async frame(captureId: number, frameId: string): Promise<{ frame: Frame; view: PinholeView }> {
    const position = await this.position(captureId, frameId);
    const { table } = await this.knownFrames(captureId);
    const frame = this.project.captures.frame(captureId, position);
    if (frame === undefined) throw new LiftscopeError({ code: 'not-found', message: 'The capture has no such frame.' });
    const [width = 0, height = 0, fx = 0, fy = 0, cx = 0, cy = 0] = table.intrinsics.subarray(
      position * 6,
      position * 6 + 6,
    );
    const { cameraFromWorld } = frame;
    return { frame, view: { width, height, fx, fy, cx, cy, cameraFromWorld } };
  }

  async metrics(splatsId: number): Promise<FrameMetrics> {
    const row = this.splats(splatsId);
    const held = new Set(row.captureId === null ? [] : (await this.frameTable(row.captureId)).holdout);
    return { splatsId, frames: frameMetrics(this.project.splats.metrics(splatsId), held) };
  }

  /** `routes.observations`, and the revision that it shows. */
  async observationsFile(captureId: number): Promise<{ revision: number; bytes: ArrayBuffer }> {
    this.requireCapture(captureId);
    const revision = this.observationsRevision;
    if (this.observations?.captureId !== captureId || this.observations.revision !== revision) {
      const bytes = this.reads.run('observations', { captureId, observationsRevision: revision });
      this.observations = { captureId, revision, bytes };
      bytes.catch(() => {
        this.observations = undefined;
      });
    }
    return { revision, bytes: await this.observations.bytes };
  }

  objects(): Promise<ProcedureOutput<'objects.list'>> {
    const { captureId } = this.selection();
    const { observationsRevision } = this;
    if (captureId === null) {
      return Promise.resolve({ objects: [], revision: this.project.revision.revision, observationsRevision });
    }
    return this.reads.run('objects', { captureId, observationsRevision });
  }

  /** Tells the page that the project is another than it knows. */
  changed(tables: readonly string[] = []): ProjectState {
    const state = this.state();
    if (tables.includes('observations') || tables.includes('tracks')) this.observationsRevision = state.revision;
    if (tables.length > 0) {
      this.events.emit({ type: 'records-changed', tables: [...tables], revision: state.revision });
    }
    this.events.emit({ type: 'project-changed', project: state });
    this.events.snapshot('saved', { type: 'saved', revision: state.revision, savedAt: state.savedAt });
    if (tables.includes('observations')) void this.countObservations();
    return state;
  }

  /** After a relink: paths are others. */
  relinked(captureId: number): ProjectState {
    this.frames.delete(captureId);
    this.missing.delete(captureId);
    void this.lookForImages(captureId);
    return this.changed();
  }

  async close(): Promise<void> {
    this.closed = true;
    try {
      await this.queue?.close();
      await this.reads.close();
    } finally {
      this.project.close();
    }
  }

  private knownFrames(captureId: number): Promise<KnownFrames> {
    let known = this.frames.get(captureId);
    if (known === undefined) {
      this.requireCapture(captureId);
      known = this.reads.run('frames', { captureId }).then((table) => ({
        table,
        positions: new Map(table.ids.map((id, position) => [id, position])),
      }));
      this.frames.set(captureId, known);
      known.catch(() => this.frames.delete(captureId));
    }
    return known;
  }

  private forward(message: JobMessage): void {
    if (message.lane === 'snapshot') {
      this.events.snapshot(message.key, message.snapshot);
      return;
    }
    const { event } = message;
    // Progress that was not delivered yet is older than this and must not undo it on the page.
    const superseded = event.type === 'job-changed' ? [`job-progress:${event.job.id}`] : [];
    const gone = event.type === 'job-removed' ? [`job-progress:${event.jobId}`, `job-preview:${event.jobId}`] : [];
    this.events.emit(event, [...superseded, ...gone]);
  }

  private stored(tables: readonly string[]): void {
    if (this.closed) return;
    if (tables.includes('captures')) {
      const newest = this.captures().at(-1);
      if (newest !== undefined) {
        this.project.settings.set(SELECTION, { captureId: newest.id, splatsId: null });
        void this.lookForImages(newest.id);
      }
    }
    if (tables.includes('splats')) {
      const newest = this.project.splats.list()[0];
      const { captureId } = this.selection();
      if (newest !== undefined && newest.captureId === captureId) {
        this.project.settings.set(SELECTION, { captureId, splatsId: newest.id });
      }
    }
    this.quality.clear();
    this.changed(tables);
  }

  private qualityOf(splatsId: number): { psnr: number | null; ssim: number | null } {
    let known = this.quality.get(splatsId);
    if (known === undefined) {
      const means = this.project.splats.metrics(splatsId).filter((row) => row.frameName === null);
      const newest = (name: string): number | null =>
        (means.find((row) => row.name === name && row.iteration === null) ?? means.findLast((row) => row.name === name))
          ?.value ?? null;
      known = { psnr: newest('psnr'), ssim: newest('ssim') };
      this.quality.set(splatsId, known);
    }
    return known;
  }

  /** Which images are gone takes a question to the file system for each: found out beside the rest, and told when known. */
  private async lookForImages(captureId: number): Promise<void> {
    try {
      const found = await this.reads.run('missing', { captureId });
      const before = this.missing.get(captureId)?.missingCount ?? 0;
      this.missing.set(captureId, found);
      if (!this.closed && found.missingCount !== before) this.changed();
    } catch (error) {
      this.note(error);
    }
  }

  private async countObservations(): Promise<void> {
    try {
      const count = await this.reads.run('observationCount', {});
      const before = this.observationCount;
      this.observationCount = count;
      if (!this.closed && count !== before) this.changed();
    } catch (error) {
      this.note(error);
    }
  }

  private note(error: unknown): void {
    const failure = failureOf(error);
    if (!this.closed && failure.code !== 'cancelled') {
      this.events.emit({ type: 'notice', level: 'warning', text: failure.message });
    }
  }
}

/** `fox` for `/somewhere/fox.liftscope`. */
function nameOf(folder: string): string {
  const name = folder.split(/[/\\]/).at(-1) ?? folder;
  return name.replace(/\.liftscope$/, '') || name;
}

/** @throws LiftscopeError `not-found`, `newer-project`, `damaged-project`; `bad-input` when another studio has it open */
export async function openSession(
  folder: string,
  create: boolean,
  events: EventHub,
  parts: HostParts,
  options: HostOptions,
): Promise<Session> {
  const reads = new Reads(folder, false);
  let project: Project;
  try {
    // The thread looks through the whole file, so that this process goes on answering.
    await reads.open(create);
    project = await openProject(folder, { checked: true });
  } catch (error) {
    await reads.close();
    throw error;
  }
  const session = new Session(project, reads, events);
  try {
    session.start(parts, options);
    return session;
  } catch (error) {
    await session.close();
    throw error;
  }
}
