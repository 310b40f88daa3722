import { useEffect, useState } from 'react';
import type { LiftSummary } from '../../contract/index.ts';
import { failureOf, isAbort, type Loadable, useRecords, useSession, useStudio } from '../state/index.ts';

/** Lifts of the current model, newest first; fetched again when the objects change. */
export function useLifts(): Loadable<readonly LiftSummary[]> {
  const studio = useStudio();
  const splatsId = useSession((state) => state.project?.currentSplatsId ?? null);
  const revision = useRecords((state) => (state.objects.status === 'ready' ? state.objects.value.revision : 0));
  const [lifts, setLifts] = useState<Loadable<readonly LiftSummary[]>>({ status: 'idle' });
  // biome-ignore lint/correctness/useExhaustiveDependencies: a lift changes the objects
  useEffect(() => {
    if (splatsId === null) {
      setLifts({ status: 'idle' });
      return;
    }
    const abort = new AbortController();
    setLifts((before) => (before.status === 'ready' ? before : { status: 'loading' }));
    studio.transport
      .call('lifts.list', { splatsId }, { signal: abort.signal })
      .then((answer) => {
        if (!abort.signal.aborted) setLifts({ status: 'ready', value: answer.lifts });
      })
      .catch((error: unknown) => {
        if (!abort.signal.aborted && !isAbort(error)) setLifts({ status: 'error', failure: failureOf(error) });
      });
    return () => abort.abort();
  }, [studio, splatsId, revision]);
  return lifts;
}

/** Whether the current model is lifted, as far as is known. */
export function useHasLift(): boolean {
  const lifts = useLifts();
  return lifts.status === 'ready' && lifts.value.length > 0;
}
