import { LANGUAGE_NEGATIVES, type QueryView } from '../../../contract/index.ts';
import { useQueries, useRecords, useStudio } from '../../state/index.ts';
import { openQuery, removeQueries, saveQuery } from '../../tools/index.ts';
import { Button, IconButton } from '../../ui/index.ts';
import { settingsOf, sortedQueries } from './words.ts';

const SHOWN = 50;

/** What the project keeps: saved queries, and what was asked lately. */
export function History() {
  const studio = useStudio();
  const queries = useRecords((state) => state.queries);
  if (queries.status !== 'ready' || queries.value.length === 0) return null;
  const { saved, history } = sortedQueries(queries.value);
  return (
    <>
      {saved.length > 0 && (
        <section className="query-section">
          <h3>Saved</h3>
          <QueryRows label="Saved queries" queries={saved} />
        </section>
      )}
      {history.length > 0 && (
        <section className="query-section">
          <h3>
            History
            <Button size="small" variant="quiet" onClick={() => removeQueries(studio, history)}>
              Clear
            </Button>
          </h3>
          <QueryRows label="History of queries" queries={history.slice(0, SHOWN)} />
        </section>
      )}
    </>
  );
}

function QueryRows({ label, queries }: { label: string; queries: readonly QueryView[] }) {
  const studio = useStudio();
  const layers = useQueries((state) => state.layers);
  return (
    <ul className="query-history" aria-label={label}>
      {queries.map((query) => {
        const settings = settingsOf(query, LANGUAGE_NEGATIVES);
        const isOpen = layers.some((layer) => layer.query?.id === query.id);
        return (
          <li key={query.id} data-open={isOpen}>
            <button
              type="button"
              title={query.text}
              onClick={(event) => openQuery(studio, query, event.shiftKey || event.ctrlKey || event.metaKey)}
            >
              {query.text}
              {settings !== '' && <small>{settings}</small>}
            </button>
            <IconButton
              icon="bookmark"
              size="small"
              label={query.saved ? `Saved: forget ${query.text}` : `Save ${query.text}`}
              pressed={query.saved}
              onClick={() => saveQuery(studio, query, !query.saved)}
            />
            <IconButton
              icon="trash"
              size="small"
              label={`Remove ${query.text}`}
              onClick={() => removeQueries(studio, [query])}
            />
          </li>
        );
      })}
    </ul>
  );
}
