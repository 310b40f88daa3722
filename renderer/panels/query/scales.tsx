import { type QueryLayer, useStudio } from '../../state/index.ts';
import { changeQuery } from '../../tools/index.ts';
import { Segments } from '../../ui/index.ts';
import { formatRelevancy, type ScaleMode, STRIP_RANGE, scaleMode, stripHeight } from './words.ts';

/** Which scale answers, and what each of them would say: a query that fails at one scale may work at another. */
export function Scales({ layer }: { layer: QueryLayer }) {
  const studio = useStudio();
  const { answer, key, scale } = layer;
  if (answer === null) return null;
  const { scales, recipe, gate } = answer;
  const nested = recipe === 'n2f2';
  const mode = scaleMode(scale, answer.scale);
  const used = answer.scale === 'composite' ? null : answer.scale;
  const loudest = scales.reduce((best, one, i) => (one.maximum > (scales[best]?.maximum ?? 0) ? i : best), 0);
  const choose = (next: ScaleMode) => changeQuery(studio, key, { scale: next === 'level' ? (used ?? loudest) : next });
  const level = typeof scale === 'number' ? Math.min(scale, scales.length - 1) : (used ?? loudest);
  const named = (index: number): string => {
    const one = scales[index];
    return one === undefined ? '' : `${one.name} (${formatRelevancy(one.maximum)})`;
  };
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
      {scales.length > 1 && (
        <figure className="query-strip">
          <div style={{ '--gate': `${100 * (1 - stripHeight(gate))}%` } as React.CSSProperties}>
            <ol aria-label="Highest relevancy at each scale">
              {scales.map(({ name, maximum }, i) => (
                <li
                  key={name}
                  data-used={i === used}
                  data-found={maximum > gate}
                  aria-label={`${name}: ${formatRelevancy(maximum)}`}
                >
                  <span style={{ height: `${100 * stripHeight(maximum)}%`, background: layer.color }} />
                </li>
              ))}
            </ol>
            {/* The strip is the slider: a press on a bar asks at its scale. */}
            <input
              type="range"
              aria-label="Level"
              style={{ '--bars': scales.length } as React.CSSProperties}
              min={0}
              max={scales.length - 1}
              step={1}
              value={level}
              aria-valuetext={named(level)}
              onPointerDown={(event) => {
                // A press on the bar that the slider stands on is no change to it.
                const box = event.currentTarget.getBoundingClientRect();
                const at = Math.floor(((event.clientX - box.left) / box.width) * scales.length);
                if (at === level && mode !== 'level') changeQuery(studio, key, { scale: at });
              }}
              onChange={(event) => changeQuery(studio, key, { scale: event.target.valueAsNumber })}
            />
          </div>
          <figcaption className="tabular">
            <span>{mode === 'composite' ? `Loudest at ${named(loudest)}` : `Asked at ${named(level)}`}</span>
            <small>
              Best at each scale, {STRIP_RANGE[0]} to {STRIP_RANGE[1]}; the line is {formatRelevancy(gate)}.
            </small>
          </figcaption>
        </figure>
      )}
    </section>
  );
}
