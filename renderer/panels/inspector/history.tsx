import { useEffect, useState } from 'react';
import { failureOf, type Loadable, useStudio } from '../../state/index.ts';
import { formatAgo, Note, plural } from '../../ui/index.ts';
import { type HistoryEdit, stepsTo } from './numbers.ts';
import { Section } from './parts.tsx';

const LIMIT = 100;

/** Every step that can be taken back or brought back, the newest first; a click goes to right after it. */
export function HistorySection({ revision, now }: { revision: number; now: number }) {
  const studio = useStudio();
  const [history, setHistory] = useState<Loadable<readonly HistoryEdit[]>>({ status: 'loading' });
  const [busy, setBusy] = useState(false);

  // biome-ignore lint/correctness/useExhaustiveDependencies: every change of the project may be a step
  useEffect(() => {
    if (busy) return;
    const controller = new AbortController();
    studio.transport
      .call('edits.history', { limit: LIMIT }, { signal: controller.signal })
      .then(({ edits }) => setHistory({ status: 'ready', value: edits }))
      .catch((error) => {
        if (!controller.signal.aborted) setHistory({ status: 'error', failure: failureOf(error) });
      });
    return () => controller.abort();
  }, [studio, revision, busy]);

  async function walk(steps: number) {
    const direction = steps < 0 ? 'undo' : 'redo';
    setBusy(true);
    let done = 0;
    while (done < Math.abs(steps)) {
      if ((await studio.attempt(() => studio.transport.call(`edits.${direction}`, {}))) === undefined) break;
      done += 1;
    }
    setBusy(false);
    if (done > 0) studio.toast('info', `${direction === 'undo' ? 'Undid' : 'Redid'} ${plural(done, 'step')}.`);
  }

  if (history.status === 'error') return <Note tone="bad">{history.failure.message}</Note>;
  if (history.status !== 'ready') return null;
  const edits = history.value;
  const row = (id: number | null, label: string, at: number | null, undone: boolean) => {
    const steps = stepsTo(edits, id);
    const what = steps === 0 ? 'Now' : `${steps < 0 ? 'Undo' : 'Redo'} ${plural(Math.abs(steps), 'step')} to here`;
    return (
      <li key={id ?? 'start'} data-undone={undone}>
        <button
          type="button"
          disabled={busy}
          title={what}
          {...(steps === 0 ? { 'aria-current': 'step' as const } : {})}
          onClick={() => steps !== 0 && void walk(steps)}
        >
          <span>{label}</span>
          {at !== null && <time>{formatAgo(at, now)}</time>}
        </button>
      </li>
    );
  };
  return (
    <Section title="History">
      {edits.length === 0 ? (
        <p className="inspector-note">Edits of objects are listed here, and can be taken back even after a restart.</p>
      ) : (
        <ol className="inspector-history" aria-label="Edits, newest first">
          {edits.map(({ id, label, at, undone }) => row(id, label, at, undone))}
          {edits.length < LIMIT && row(null, 'Before the first edit', null, false)}
        </ol>
      )}
    </Section>
  );
}
