/** What the host works through and tests replace: the queue of jobs and the process that draws views. */
import type {
  CurvePoint,
  JobLogLine,
  JobSpec,
  JobView,
  StudioEvent,
  StudioSnapshot,
  ViewEmbeddingAnswer,
  ViewPickAnswer,
  ViewQueryAnswer,
  ViewSegmentAnswer,
} from '../../contract/index.ts';
import {
  openJobQueue,
  ViewClient,
  type ViewEmbeddingInput,
  type ViewPickInput,
  type ViewQueryInput,
  type ViewRenderInput,
  type ViewRenderOutcome,
  type ViewSegmentInput,
} from '../jobs/index.ts';
import type { Project } from '../project/index.ts';

export interface JobsPort {
  start(spec: JobSpec, priority?: number): JobView;
  /** Newest first. */
  list(): JobView[];
  get(jobId: number): JobView;
  cancel(jobId: number): JobView;
  resume(jobId: number): JobView;
  setPriority(jobId: number, priority: number): JobView;
  remove(jobId: number): Promise<void>;
  curve(jobId: number): CurvePoint[];
  log(jobId: number): JobLogLine[];
  preview(jobId: number, preview?: number): { readonly preview: number; readonly png: Uint8Array } | undefined;
  /** Stops what runs; a training writes its checkpoint. */
  close(): Promise<void>;
}

export type JobMessage =
  | { readonly lane: 'event'; readonly event: StudioEvent }
  | { readonly lane: 'snapshot'; readonly key: string; readonly snapshot: StudioSnapshot };

export interface JobsOptions {
  readonly listener: (message: JobMessage) => void;
  /** Just before the `job-changed` of a job that stored something. */
  readonly onStored: (tables: readonly string[]) => void;
  readonly compute: { readonly backend?: 'auto' | 'wasm' | 'webgpu'; readonly threads?: number };
  readonly nodePath?: string;
}

export interface ViewsPort {
  render(
    call: ViewRenderInput,
    options: { readonly streamId?: string; readonly signal?: AbortSignal },
  ): Promise<ViewRenderOutcome>;
  pick(call: ViewPickInput, options: { readonly signal?: AbortSignal }): Promise<ViewPickAnswer>;
  segment(call: ViewSegmentInput, options: { readonly signal?: AbortSignal }): Promise<ViewSegmentAnswer>;
  query(call: ViewQueryInput, options: { readonly signal?: AbortSignal }): Promise<ViewQueryAnswer>;
  embedding(call: ViewEmbeddingInput, options: { readonly signal?: AbortSignal }): Promise<ViewEmbeddingAnswer>;
  dispose(): Promise<void>;
}

export interface ViewsOptions {
  readonly backend?: 'auto' | 'wasm' | 'webgpu';
  readonly threads?: number;
  readonly nodePath?: string;
  readonly onNotice: (level: 'info' | 'warning', text: string) => void;
}

export interface HostParts {
  readonly openJobs: (project: Project, options: JobsOptions) => JobsPort;
  readonly openViews: (options: ViewsOptions) => ViewsPort;
}

export const realParts: HostParts = {
  openJobs: (project, options) => openJobQueue(project, options),
  openViews: (options) => new ViewClient(options),
};
