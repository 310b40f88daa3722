import { useEffect, useState } from 'react';
import type { MaskSetSummary } from '../../contract/index.ts';
import { failureOf, type Loadable, useSession, useStudio } from '../state/index.ts';

/** Mask sets of the current capture, in the order they were made. */
export function useMaskSets(): Loadable<readonly MaskSetSummary[]> {
  const studio = useStudio();
  const captureId = useSession((state) => state.project?.currentCaptureId ?? null);
  const [sets, setSets] = useState<Loadable<readonly MaskSetSummary[]>>({ status: 'loading' });
  useEffect(() => {
    if (captureId === null) return;
    const controller = new AbortController();
    studio.transport
      .call('masks.list', { captureId }, { signal: controller.signal })
      .then(({ sets: value }) => {
        if (!controller.signal.aborted) setSets({ status: 'ready', value });
      })
      .catch((error: unknown) => {
        if (!controller.signal.aborted) setSets({ status: 'error', failure: failureOf(error) });
      });
    return () => controller.abort();
  }, [studio, captureId]);
  return sets;
}
