import { z } from 'zod';
import { amodalRequestSchema, amodalResultSchema } from './amodal.ts';
import { failureSchema, jobEventSchema } from './events.ts';
import { languageTrainingRequestSchema, languageTrainingResultSchema } from './language.ts';
import {
  liftEvaluationRequestSchema,
  liftEvaluationResultSchema,
  liftingRequestSchema,
  liftingResultSchema,
} from './lifting.ts';
import { modelsRequestSchema, modelsResultSchema } from './models.ts';
import { sceneRequestSchema, sceneResultSchema } from './scenes.ts';
import { segmentationRequestSchema, segmentationResultSchema } from './segmentation.ts';
import {
  trackingRequestSchema,
  trackingResultSchema,
  tracksEvaluationRequestSchema,
  tracksEvaluationResultSchema,
} from './tracking.ts';
import {
  computeOptionsSchema,
  evaluationRequestSchema,
  evaluationResultSchema,
  renderRequestSchema,
  renderResultSchema,
  trainingRequestSchema,
  trainingResultSchema,
} from './training.ts';
import { viewSplatsRequestSchema, viewSplatsResultSchema } from './view.ts';

/** Raised when host and worker would misunderstand each other; both ends refuse any other number. */
export const PROTOCOL_VERSION = 1;

/** The worker sends a sign of life at this interval, even in the middle of a long kernel's host-side loop. */
export const HEARTBEAT_MS = 1000;

/** One line of benchmarks.md: what was promised, what was measured. `value` is null when the run did not get that far. */
const benchmarkTargetSchema = z.object({
  name: z.string(),
  target: z.string(),
  value: z.union([z.number(), z.string(), z.boolean()]).nullable(),
  met: z.boolean(),
});
export type BenchmarkTarget = z.infer<typeof benchmarkTargetSchema>;

/** Benchmarks that run inside one worker; one that is named here does not compile until the worker has it. */
export const workerBenchmarks = [
  'amodal',
  'assignment',
  'cluster',
  'hota',
  'instances-click',
  'language',
  'language-speed',
  'messy-rooms',
  'splat-kernels',
  'splat-threads',
  'tracking',
] as const;
export type WorkerBenchmark = (typeof workerBenchmarks)[number];

const benchmarkRequestSchema = computeOptionsSchema.extend({
  name: z.string().min(1).max(100),
  quick: z.boolean().default(false),
  seed: z.number().int().min(0).max(0xffffffff).default(0),
  /** Whatever else the benchmark's own schema asks for. */
  arguments: z.record(z.string(), z.json()).default({}),
});
export type BenchmarkRequest = z.infer<typeof benchmarkRequestSchema>;

/** A JSON document with the benchmark's own figures beside its targets. */
const benchmarkResultSchema = z.object({ targets: z.array(benchmarkTargetSchema) }).catchall(z.json());
export type BenchmarkResult = z.infer<typeof benchmarkResultSchema>;

/**
 * One question to the machine, answered in a process of its own, because a broken driver or native package may take the
 * process down with it.
 */
export const inspectionProbeSchema = z.enum(['wasm', 'webgpu', 'onnxruntime', 'tensorflow']);
export type InspectionProbe = z.infer<typeof inspectionProbeSchema>;
const inspectionRequestSchema = z.object({ probe: inspectionProbeSchema });
export type InspectionRequest = z.infer<typeof inspectionRequestSchema>;

const inspectionStateSchema = z.enum(['ok', 'absent', 'problem']);
/** One line of `doctor`. `absent` is an optional part that is not there; `problem` is something that should work and does not. */
const inspectionLineSchema = z.object({
  name: z.string(),
  state: inspectionStateSchema,
  /** What was found: a version, an adapter, a count. */
  detail: z.string(),
  /** What the part is for. */
  enables: z.string(),
  /** What to do about it; only where `state` is not `ok`. */
  remedy: z.string().optional(),
});
export type InspectionLine = z.infer<typeof inspectionLineSchema>;
const inspectionResultSchema = z.object({ lines: z.array(inspectionLineSchema) });
export type InspectionResult = z.infer<typeof inspectionResultSchema>;

/** Request and result of every job kind. A kind added here does not compile until the worker has a handler for it. */
export const jobSchemas = {
  'train-splats': { request: trainingRequestSchema, result: trainingResultSchema },
  'evaluate-splats': { request: evaluationRequestSchema, result: evaluationResultSchema },
  'render-splats': { request: renderRequestSchema, result: renderResultSchema },
  'lift-objects': { request: liftingRequestSchema, result: liftingResultSchema },
  'evaluate-lift': { request: liftEvaluationRequestSchema, result: liftEvaluationResultSchema },
  'generate-scene': { request: sceneRequestSchema, result: sceneResultSchema },
  'segment-frames': { request: segmentationRequestSchema, result: segmentationResultSchema },
  'track-objects': { request: trackingRequestSchema, result: trackingResultSchema },
  'evaluate-tracks': { request: tracksEvaluationRequestSchema, result: tracksEvaluationResultSchema },
  'amodal-masks': { request: amodalRequestSchema, result: amodalResultSchema },
  'train-language': { request: languageTrainingRequestSchema, result: languageTrainingResultSchema },
  'view-splats': { request: viewSplatsRequestSchema, result: viewSplatsResultSchema },
  models: { request: modelsRequestSchema, result: modelsResultSchema },
  bench: { request: benchmarkRequestSchema, result: benchmarkResultSchema },
  inspect: { request: inspectionRequestSchema, result: inspectionResultSchema },
} as const;

export type JobKind = keyof typeof jobSchemas;

/** A request with its defaults filled in, as the worker's handler gets it. */
export type JobRequestOf<K extends JobKind> = z.infer<(typeof jobSchemas)[K]['request']>;
/** A request as a caller may write it, defaults left out. */
export type JobInputOf<K extends JobKind> = z.input<(typeof jobSchemas)[K]['request']>;
export type JobResultOf<K extends JobKind> = z.infer<(typeof jobSchemas)[K]['result']>;

/** One job: its kind and its request. */
export type JobRequest = { [K in JobKind]: { kind: K; request: JobRequestOf<K> } }[JobKind];

const jobRequestSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('train-splats'), request: jobSchemas['train-splats'].request }),
  z.object({ kind: z.literal('evaluate-splats'), request: jobSchemas['evaluate-splats'].request }),
  z.object({ kind: z.literal('render-splats'), request: jobSchemas['render-splats'].request }),
  z.object({ kind: z.literal('lift-objects'), request: jobSchemas['lift-objects'].request }),
  z.object({ kind: z.literal('evaluate-lift'), request: jobSchemas['evaluate-lift'].request }),
  z.object({ kind: z.literal('generate-scene'), request: jobSchemas['generate-scene'].request }),
  z.object({ kind: z.literal('segment-frames'), request: jobSchemas['segment-frames'].request }),
  z.object({ kind: z.literal('track-objects'), request: jobSchemas['track-objects'].request }),
  z.object({ kind: z.literal('evaluate-tracks'), request: jobSchemas['evaluate-tracks'].request }),
  z.object({ kind: z.literal('amodal-masks'), request: jobSchemas['amodal-masks'].request }),
  z.object({ kind: z.literal('train-language'), request: jobSchemas['train-language'].request }),
  z.object({ kind: z.literal('view-splats'), request: jobSchemas['view-splats'].request }),
  z.object({ kind: z.literal('models'), request: jobSchemas.models.request }),
  z.object({ kind: z.literal('bench'), request: jobSchemas.bench.request }),
  z.object({ kind: z.literal('inspect'), request: jobSchemas.inspect.request }),
]);

/** Host to worker. A worker process runs exactly one job and then exits. */
export const hostMessageSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('start'), protocol: z.literal(PROTOCOL_VERSION), job: jobRequestSchema }),
  /** Stop at the next safe point, with a checkpoint where the job has them. */
  z.object({ type: z.literal('cancel') }),
  z.object({ type: z.literal('ping'), sequence: z.number().int().min(0) }),
  /** The host has delivered the last snapshot and is ready for a newer one. */
  z.object({ type: z.literal('snapshot-taken') }),
  /** A question to a job that answers them; parsed again by the job. Answered by one `answer` or `refusal` of the same id. */
  z.object({ type: z.literal('call'), id: z.number().int().min(0), call: z.unknown() }),
  /** The answer of that call is of no use any more: stop working on it, and say so with a `refusal`. */
  z.object({ type: z.literal('abandon'), id: z.number().int().min(0) }),
]);
export type HostMessage = z.infer<typeof hostMessageSchema>;

/** Worker to host. Exactly one `result` or `error` ends the job. */
export const workerMessageSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ready'), protocol: z.number().int(), node: z.string(), pid: z.number().int() }),
  z.object({ type: z.literal('heartbeat'), memoryBytes: z.number().min(0) }),
  z.object({ type: z.literal('pong'), sequence: z.number().int().min(0) }),
  /** The ordered lane; `sequence` counts from 0 without a gap. */
  z.object({ type: z.literal('event'), sequence: z.number().int().min(0), event: jobEventSchema }),
  /** The latest-wins lane: the worker keeps only the newest until the host says `snapshot-taken`. */
  z.object({ type: z.literal('snapshot'), event: jobEventSchema }),
  /** Parsed again by the caller. */
  z.object({ type: z.literal('answer'), id: z.number().int().min(0), answer: z.unknown() }),
  z.object({ type: z.literal('refusal'), id: z.number().int().min(0), failure: failureSchema }),
  /** Parsed again by the caller with the schema of the job's kind. */
  z.object({ type: z.literal('result'), result: z.unknown() }),
  z.object({ type: z.literal('error'), failure: failureSchema }),
]);
export type WorkerMessage = z.infer<typeof workerMessageSchema>;
