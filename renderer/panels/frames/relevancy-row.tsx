import { useMemo } from 'react';
import { commandById, formatChord, isMac, runCommand } from '../../commands/index.ts';
import { type QueryLayer, useQueries, useStudio, useView } from '../../state/index.ts';
import { IconButton, Slider } from '../../ui/index.ts';
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

/** While queries are open: whose colours are over the image, and how strong. */
export function RelevancyRow() {
  const studio = useStudio();
  const view = useView((state) => state.frames);
  const layers = useQueries((state) => state.layers);
  const shown = layers.filter(isShown);
  if (shown.length === 0) return null;
  return (
    <div className="frames-row frames-relevancy">
      <IconButton
        icon="eye"
        size="small"
        label="Relevancy of the open queries"
        keys={formatChord(commandById('frames.relevancy').keys[0] ?? '', isMac())}
        pressed={view.relevancy}
        onClick={() => runCommand(studio, 'frames.relevancy')}
      />
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
        disabled={!view.relevancy}
        value={view.relevancyOpacity}
        onChange={(relevancyOpacity) => studio.setFramesView({ relevancyOpacity })}
      />
    </div>
  );
}
