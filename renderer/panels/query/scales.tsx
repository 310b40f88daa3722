import { RELEVANCY_GATE } from '../../../contract/index.ts';
import { type QueryLayer, useStudio } from '../../state/index.ts';
import { changeQuery } from '../../tools/index.ts';
import { Segments, Slider } from '../../ui/index.ts';
import { formatRelevancy, labelEvery, type ScaleMode, STRIP_RANGE, scaleMode, stripHeight } from './words.ts';

/** Which scale answers, and what each of them would say: a query that fails at one scale may work at another. */
export function Scales({ layer }: { layer: QueryLayer }) {
  const studio = useStudio();
  const { answer, key, scale } = layer;
  if (answer === null) return null;
  const { scales, recipe } = answer;
  const nested = recipe === 'n2f2';
  const mode = scaleMode(scale, nested);
  const used = answer.scale === 'composite' ? null : answer.scale;
  const loudest = scales.reduce((best, one, i) => (one.maximum > (scales[best]?.maximum ?? 0) ? i : best), 0);
  const choose = (next: ScaleMode) => changeQuery(studio, key, { scale: next === 'level' ? (used ?? loudest) : next });
  const every = labelEvery(scales.length);
  return (
    <section className="query-section">
      <h3>Scale</h3>
      <Segments<ScaleMode>
        label="Scale"
        value={mode}
        options={[
          ...(nested
            ? [{ value: 'composite', label: 'Composite', hint: 'All scales, weighed once for every query' } as const]
            : []),
          { value: 'best', label: 'Best', hint: 'The scale that answers loudest' },
          { value: 'level', label: 'One', hint: 'The scale that you choose', disabled: scales.length < 2 },
        ]}
        onChange={choose}
      />
      {mode === 'level' && (
        <Slider
          label="Level"
          value={typeof scale === 'number' ? scale : 0}
          max={scales.length - 1}
          step={1}
          format={(value) => scales[value]?.name ?? String(value + 1)}
          onChange={(value) => changeQuery(studio, key, { scale: value })}
        />
      )}
      {scales.length > 1 && (
        <figure className="query-strip">
          <ol
            aria-label="Highest relevancy at each scale"
            style={{ '--gate': `${100 * (1 - stripHeight(RELEVANCY_GATE))}%` } as React.CSSProperties}
          >
            {scales.map(({ name, maximum }, i) => (
              <li key={name} data-used={i === used} data-found={maximum > RELEVANCY_GATE}>
                <button
                  type="button"
                  aria-label={`${name}: ${formatRelevancy(maximum)}`}
                  aria-pressed={i === used}
                  title={`${name}: ${formatRelevancy(maximum)}`}
                  onClick={() => changeQuery(studio, key, { scale: i })}
                >
                  <span style={{ height: `${100 * stripHeight(maximum)}%`, background: layer.color }} />
                </button>
                {i % every === 0 && <small>{name}</small>}
              </li>
            ))}
          </ol>
          <figcaption className="tabular">
            Best of each, {STRIP_RANGE[0]} to {STRIP_RANGE[1]}; the line is 0.5
          </figcaption>
        </figure>
      )}
    </section>
  );
}
