import type { JobSpec } from '../../../contract/index.ts';
import { type HostContext, sessionOf } from '../context.ts';
import type { HandlersOf } from './types.ts';

export function jobProcedures(host: HostContext): HandlersOf<'jobs'> {
  const jobs = () => sessionOf(host).jobs;
  return {
    'jobs.start': async ({ spec, priority }) => ({ job: jobs().start(await confined(host, spec), priority) }),
    'jobs.list': () => ({ jobs: jobs().list() }),
    'jobs.cancel': ({ jobId }) => ({ job: jobs().cancel(jobId) }),
    'jobs.resume': ({ jobId }) => ({ job: jobs().resume(jobId) }),
    'jobs.setPriority': ({ jobId, priority }) => ({ job: jobs().setPriority(jobId, priority) }),
    'jobs.remove': async ({ jobId }) => {
      await jobs().remove(jobId);
      return {};
    },
    'jobs.curve': ({ jobId }) => ({ points: jobs().curve(jobId) }),
    'jobs.log': ({ jobId }) => ({ lines: jobs().log(jobId) }),
  };
}

/** A spec's paths are the page's word until they have been looked at. */
async function confined(host: HostContext, spec: JobSpec): Promise<JobSpec> {
  if (!('path' in spec)) return spec;
  return { ...spec, path: await host.confinement.existing(spec.path) };
}
