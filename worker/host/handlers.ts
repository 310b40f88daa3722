import type { JobKind, JobRequest, JobRequestOf, JobResultOf } from '../../contract/index.ts';
import type { JobContext } from './session.ts';

type Handlers = { readonly [K in JobKind]: (request: JobRequestOf<K>, context: JobContext) => Promise<JobResultOf<K>> };

/** Loaded on demand: a benchmark or an inspection must not fail because the trainer's native parts do. */
const handlers: Handlers = {
  'train-splats': async (request, context) => (await import('../splats/index.ts')).trainSplats(request, context),
  'evaluate-splats': async (request, { signal }) =>
    unlessAborted(signal, (await import('../splats/index.ts')).evaluateSplats(request)),
  'render-splats': async (request, { signal }) =>
    unlessAborted(signal, (await import('../splats/index.ts')).renderSplats(request)),
  'lift-objects': async (request, context) => (await import('../lifting/index.ts')).liftObjects(request, context),
  'evaluate-lift': async (request, { signal }) =>
    unlessAborted(signal, (await import('../lifting/index.ts')).evaluateLift(request)),
  'generate-scene': async (request, context) => (await import('../scenes/index.ts')).generateScene(request, context),
  'view-splats': async (request, context) => (await import('../view/index.ts')).viewSplats(request, context),
  'segment-frames': async (request, context) =>
    (await import('../segmentation/index.ts')).segmentFrames(request, context),
  'track-objects': async (request, context) => (await import('../tracking/index.ts')).trackObjects(request, context),
  'evaluate-tracks': async (request, context) =>
    (await import('../tracking/index.ts')).evaluateTracks(request, context),
  'amodal-masks': async (request, context) => (await import('../amodal/index.ts')).makeAmodalMasks(request, context),
  'train-language': async (request, context) =>
    (await import('../language-training/index.ts')).trainLanguageJob(request, context),
  models: async (request, { signal }) => (await import('../models/index.ts')).manageModels(request, signal),
  bench: async (request, context) => (await import('../bench/index.ts')).runBenchmark(request, context),
  inspect: async (request, { signal }) => unlessAborted(signal, (await import('./inspect.ts')).inspect(request)),
};

/** For work that has nothing to save: cancelling ends the wait, and the exit of the process ends the work. */
function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const aborted = new Promise<never>((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  return Promise.race([work, aborted]);
}

/** Runs the handler of the job's kind. */
export async function runHandler(job: JobRequest, context: JobContext): Promise<unknown> {
  switch (job.kind) {
    case 'train-splats':
      return handlers[job.kind](job.request, context);
    case 'evaluate-splats':
      return handlers[job.kind](job.request, context);
    case 'render-splats':
      return handlers[job.kind](job.request, context);
    case 'lift-objects':
      return handlers[job.kind](job.request, context);
    case 'evaluate-lift':
      return handlers[job.kind](job.request, context);
    case 'generate-scene':
      return handlers[job.kind](job.request, context);
    case 'view-splats':
      return handlers[job.kind](job.request, context);
    case 'segment-frames':
      return handlers[job.kind](job.request, context);
    case 'track-objects':
      return handlers[job.kind](job.request, context);
    case 'evaluate-tracks':
      return handlers[job.kind](job.request, context);
    case 'amodal-masks':
      return handlers[job.kind](job.request, context);
    case 'train-language':
      return handlers[job.kind](job.request, context);
    case 'models':
      return handlers[job.kind](job.request, context);
    case 'bench':
      return handlers[job.kind](job.request, context);
    case 'inspect':
      return handlers[job.kind](job.request, context);
    default:
      return job satisfies never;
  }
}
