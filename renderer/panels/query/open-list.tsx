import { type QueryLayer, useQueries, useStudio } from '../../state/index.ts';
import { closeQuery, saveQuery, showQuery } from '../../tools/index.ts';
import { Badge, IconButton, Spinner } from '../../ui/index.ts';
import { formatRelevancy } from './words.ts';

/** The open queries, each with its colour. */
export function OpenList() {
  const studio = useStudio();
  const layers = useQueries((state) => state.layers);
  const active = useQueries((state) => state.active);
  return (
    <ul className="query-open" aria-label="Open queries">
      {layers.map((layer) => (
        <li key={layer.key} data-active={layer.key === active}>
          <button
            type="button"
            className="query-swatch"
            aria-label={`Show ${layer.text} in the views`}
            aria-pressed={layer.visible}
            title={layer.visible ? 'Shown in the views' : 'Not shown in the views'}
            style={{ '--query-color': layer.color } as React.CSSProperties}
            onClick={() => showQuery(studio, layer.key, !layer.visible)}
          />
          <button
            type="button"
            className="query-open-text"
            aria-current={layer.key === active}
            title={layer.text}
            onClick={() => studio.queries.setState({ active: layer.key })}
          >
            {layer.text}
          </button>
          <State layer={layer} />
          {layer.query !== null && (
            <IconButton
              icon="bookmark"
              size="small"
              label={layer.query.saved ? 'Saved: forget it' : 'Save this query'}
              pressed={layer.query.saved}
              onClick={() => layer.query !== null && saveQuery(studio, layer.query, !layer.query.saved)}
            />
          )}
          <IconButton
            icon="close"
            size="small"
            label={`Close ${layer.text}`}
            onClick={() => closeQuery(studio, layer.key)}
          />
        </li>
      ))}
    </ul>
  );
}

function State({ layer: { busy, failure, answer } }: { layer: QueryLayer }) {
  if (busy) return <Spinner label="Asking" />;
  if (failure !== null) return <Badge tone="bad">failed</Badge>;
  if (answer === null) return null;
  return answer.found ? (
    <span className="tabular query-best" title="Highest raw relevancy">
      {formatRelevancy(answer.maximum)}
    </span>
  ) : (
    <Badge tone="warn">nothing</Badge>
  );
}
