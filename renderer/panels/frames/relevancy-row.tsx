import { useMemo } from 'react';
import { type QueryLayer, useQueries, useStudio, useView } from '../../state/index.ts';
import { Slider } from '../../ui/index.ts';
import type { Source } from './painter.ts';

function isShown({ visible, answer }: QueryLayer): boolean {
  return visible && answer !== null;
}

/** What is to be painted of the open queries; the same array while nothing of it changes. */
export function useRelevancyLooks(): Source['relevancy'] {
  const on = useView((state) => state.frames.relevancy);
  const layers = useQueries((state) => state.layers);
  return useMemo(
    () =>
      (on ? layers.filter(isShown) : []).map(({ answer, color, threshold }) => ({
        ...{ map: answer?.map ?? '', color, threshold },
      })),
    [on, layers],
  );
}

/** While maps of queries are over the image: whose colours they are, and how strong. */
export function RelevancyRow() {
  const studio = useStudio();
  const view = useView((state) => state.frames);
  const layers = useQueries((state) => state.layers);
  const shown = layers.filter(isShown);
  if (!view.relevancy || shown.length === 0) return null;
  return (
    <div className="frames-row frames-relevancy">
      <ul aria-label="Relevancy shown">
        {shown.map(({ key, text, color }) => (
          <li key={key} title={text}>
            <span className="frames-swatch" style={{ background: color }} />
            {text}
          </li>
        ))}
      </ul>
      <Slider
        label="Relevancy opacity"
        hideLabel
        value={view.relevancyOpacity}
        onChange={(relevancyOpacity) => studio.setFramesView({ relevancyOpacity })}
      />
    </div>
  );
}
