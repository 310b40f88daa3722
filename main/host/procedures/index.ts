/** A handler for every procedure of the contract: one that is missing does not compile. */
import type { HostContext } from '../context.ts';
import { appProcedures } from './app.ts';
import { captureProcedures } from './captures.ts';
import { instanceProcedures } from './instances.ts';
import { jobProcedures } from './jobs.ts';
import { modelProcedures } from './models.ts';
import { objectProcedures } from './objects.ts';
import { projectProcedures } from './project.ts';
import { queryProcedures } from './queries.ts';
import { trackProcedures } from './tracks.ts';
import type { Handlers } from './types.ts';

export { type Handlers, JsonText } from './types.ts';

export function procedureHandlers(host: HostContext): Handlers {
  return {
    ...appProcedures(host),
    ...projectProcedures(host),
    ...captureProcedures(host),
    ...objectProcedures(host),
    ...instanceProcedures(host),
    ...queryProcedures(host),
    ...jobProcedures(host),
    ...modelProcedures(host),
    ...trackProcedures(host),
  };
}
