import { RELEVANCY_GATE } from '../../../contract/index.ts';
import { type QueryLayer, useStudio } from '../../state/index.ts';
import { relevancyGradient, setThreshold } from '../../tools/index.ts';
import { Slider } from '../../ui/index.ts';
import { formatRelevancy } from './words.ts';

const at = (relevancy: number) => ({ left: `${100 * Math.max(0, Math.min(1, relevancy))}%` });

/** What the colours mean: always the whole range of raw relevancy, with the gate, the best value of this answer, and the threshold. */
export function Legend({ layer }: { layer: QueryLayer }) {
  const studio = useStudio();
  const { answer, color, threshold, key } = layer;
  const gate = answer?.gate ?? RELEVANCY_GATE;
  const meaning =
    gate > RELEVANCY_GATE
      ? `The gate: below ${formatRelevancy(gate)} the loudest of all scales is no answer`
      : 'The gate: above it every negative is beaten';
  const best = answer === null ? '' : `, best ${formatRelevancy(answer.maximum)}`;
  return (
    <section className="query-section">
      <h3>Relevancy</h3>
      <div
        className="query-legend"
        role="img"
        aria-label={`Colours of raw relevancy from 0 to 1; above ${RELEVANCY_GATE} every negative is beaten${best}`}
      >
        <div className="query-ramp">
          <span style={{ background: relevancyGradient(color) }} />
          <i style={{ width: `${100 * threshold}%` }} />
        </div>
        <b style={at(gate)} title={meaning} />
        {answer !== null && (
          <em style={at(answer.maximum)} title={`The best of this answer: ${formatRelevancy(answer.maximum)}`} />
        )}
        <div className="query-ticks tabular" aria-hidden="true">
          <span style={at(0)}>0</span>
          <span style={at(RELEVANCY_GATE)}>0.5 beats negatives</span>
          <span style={at(1)}>1</span>
        </div>
      </div>
      <Slider
        label="Threshold"
        value={threshold}
        step={0.005}
        format={(value) => value.toFixed(3).replace(/0$/, '')}
        onChange={(value) => setThreshold(studio, key, value)}
      />
    </section>
  );
}
