import { useEffect, useState } from 'react';
import { type Failure, routes } from '../../../contract/index.ts';
import { failureOf, type Studio, useRecords, useSession, useStudio } from '../../state/index.ts';
import { type Lanes, parseLanes } from './observations.ts';

/** The newest observations of each window: a million of them are fetched and read once, however many panels look. */
const newest = new WeakMap<Studio, { readonly key: string; readonly lanes: Promise<Lanes> }>();

/** `key` names project, capture and revision. */
function lanesOf(studio: Studio, key: string, url: string): Promise<Lanes> {
  const known = newest.get(studio);
  if (known?.key === key) return known.lanes;
  const load = async (): Promise<Lanes> => parseLanes(await (await studio.transport.fetch(url)).arrayBuffer());
  const lanes = load();
  newest.set(studio, { key, lanes });
  lanes.catch(() => {
    if (newest.get(studio)?.lanes === lanes) newest.delete(studio);
  });
  return lanes;
}

/** The observations of the current capture, fetched again when records change; those shown stay until the new ones are there. */
export function useLanes(): { readonly lanes: Lanes | null; readonly failure: Failure | null } {
  const studio = useStudio();
  const folder = useSession((state) => state.project?.folder ?? null);
  const captureId = useSession((state) => state.project?.currentCaptureId ?? null);
  const revision = useRecords((state) =>
    state.objects.status === 'ready' ? state.objects.value.observationsRevision : null,
  );
  const some = useSession((state) => (state.project?.observations ?? 0) > 0);
  const [lanes, setLanes] = useState<Lanes | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  useEffect(() => {
    setFailure(null);
    if (captureId === null || revision === null || !some) {
      setLanes(null);
      return;
    }
    let wanted = true;
    const url = routes.observations(captureId, revision);
    lanesOf(studio, `${folder} ${url}`, url)
      .then((value) => wanted && setLanes(value))
      .catch((error: unknown) => wanted && setFailure(failureOf(error)));
    return () => {
      wanted = false;
    };
  }, [studio, folder, captureId, revision, some]);
  return { lanes, failure };
}
