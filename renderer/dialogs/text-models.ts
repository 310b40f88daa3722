import { useEffect, useState } from 'react';
import { failureOf, type Loadable, useSession, useStudio } from '../state/index.ts';

/** Names of the text models on this machine, the one to take first. */
export function useTextModels(): Loadable<readonly string[]> {
  const studio = useStudio();
  const splatsId = useSession((state) => state.project?.currentSplatsId ?? null);
  const [models, setModels] = useState<Loadable<readonly string[]>>({ status: 'loading' });
  useEffect(() => {
    if (splatsId === null) return;
    const controller = new AbortController();
    studio.transport
      .call('queries.fields', { splatsId }, { signal: controller.signal })
      .then(({ models: value }) => {
        if (!controller.signal.aborted) setModels({ status: 'ready', value });
      })
      .catch((error: unknown) => {
        if (!controller.signal.aborted) setModels({ status: 'error', failure: failureOf(error) });
      });
    return () => controller.abort();
  }, [studio, splatsId]);
  return models;
}
