import { useState } from 'react';
import { type ObjectView, RELEVANCY_GATE, routes } from '../../../contract/index.ts';
import { runCommand } from '../../commands/index.ts';
import { type QueryLayer, useRecords, useSelection, useStudio } from '../../state/index.ts';
import { goTo, jumpToObject } from '../../tools/index.ts';
import { Button, formatPercent, plural, Spinner } from '../../ui/index.ts';
import { type Crop, cropOf } from './crop.ts';
import { formatRelevancy } from './words.ts';

/** Shown before the rest is asked for. */
const FIRST = 6;
const MAX_FRAMES = 12;
/** Width by height of thumbnails. */
const ASPECT = 4 / 3;
/** Wide enough for the crops; the host keeps them. */
const PHOTO_WIDTH = 320;

interface ThumbnailProps {
  frameId: string;
  /** The object that it is cropped to; absent: the whole frame. */
  extent?: ObjectView['extent'];
  /** Pixel of the frame that is marked. */
  mark?: { readonly x: number; readonly y: number };
}

function Thumbnail({ frameId, extent, mark }: ThumbnailProps) {
  const frames = useRecords((state) => state.frames);
  if (frames.status !== 'ready') return <span className="query-thumb" />;
  const index = frames.value.ids.indexOf(frameId);
  if (index < 0) return <span className="query-thumb" />;
  const crop: Crop = cropOf(frames.value, index, extent, ASPECT);
  const [width = 1, height = 1] = frames.value.intrinsics.slice(6 * index, 6 * index + 2);
  return (
    <span className="query-thumb">
      <img
        alt=""
        draggable={false}
        src={routes.photo(frames.value.captureId, frameId, PHOTO_WIDTH)}
        style={{
          width: `${100 / crop.width}%`,
          height: `${100 / crop.height}%`,
          left: `${(-100 * crop.x) / crop.width}%`,
          top: `${(-100 * crop.y) / crop.height}%`,
        }}
      />
      {mark !== undefined && (
        <i
          style={{
            left: `${(100 * (mark.x / width - crop.x)) / crop.width}%`,
            top: `${(100 * (mark.y / height - crop.y)) / crop.height}%`,
          }}
        />
      )}
    </span>
  );
}

/** Objects by mean relevancy; a click takes every panel to one. */
export function RankedObjects({ layer }: { layer: QueryLayer }) {
  const studio = useStudio();
  const objects = useRecords((state) => state.objects);
  const frame = useRecords((state) => (state.frames.status === 'ready' ? state.frames.value.ids[0] : undefined));
  const selected = useSelection((state) => state.objects.at(-1) ?? null);
  const [all, setAll] = useState(false);
  const { answer, frames } = layer;
  if (answer === null) return null;
  if (!answer.lifted) {
    return (
      <section className="query-section">
        <h3>Objects</h3>
        <p className="query-note">Objects are ranked once masks have been lifted on this model.</p>
        <Button size="small" icon="lift" onClick={() => runCommand(studio, 'lift.objects')}>
          Lift objects…
        </Button>
      </section>
    );
  }
  const known = new Map(objects.status === 'ready' ? objects.value.objects.map((one) => [one.id, one]) : []);
  const ranked = answer.objects.filter(({ id, maximum }) => known.has(id) && maximum > RELEVANCY_GATE);
  const shown = all ? ranked : ranked.slice(0, FIRST);
  return (
    <section className="query-section">
      <h3>
        Objects
        <small className="tabular">{ranked.length} above 0.5</small>
      </h3>
      {ranked.length === 0 && <p className="query-note">What answers belongs to no object.</p>}
      <ol className="query-objects" aria-label="Ranked objects">
        {shown.map(({ id, relevancy, maximum, share }) => {
          const object = known.get(id);
          const best = frames?.objects.find((one) => one.id === id)?.frameIds ?? [];
          const frameId = best[0] ?? frame;
          return (
            <li key={id} data-selected={selected === id}>
              <button
                type="button"
                className="query-object"
                aria-pressed={selected === id}
                onClick={() => jumpToObject(studio, layer, id)}
                onPointerEnter={() => studio.hoverObject(id)}
                onPointerLeave={() => studio.hoverObject(null)}
              >
                {frameId === undefined ? (
                  <span className="query-thumb" />
                ) : (
                  <Thumbnail frameId={frameId} extent={object?.extent} />
                )}
                <span className="query-object-name">
                  <i style={{ background: object?.color }} />
                  {object?.name}
                </span>
                <span className="query-bar" aria-hidden="true">
                  <span style={{ width: `${100 * relevancy}%`, background: layer.color }} />
                  <b />
                </span>
                <span className="query-object-numbers tabular">
                  <strong>{formatRelevancy(relevancy)}</strong> mean · {formatRelevancy(maximum)} best ·{' '}
                  {formatPercent(share)}
                </span>
              </button>
              {selected === id && best.length > 1 && (
                <ul className="query-frames" aria-label={`Best frames of ${object?.name}`}>
                  {best.map((one) => (
                    <li key={one}>
                      <FrameButton frameId={one} onClick={() => jumpToObject(studio, layer, id, one)} />
                    </li>
                  ))}
                </ul>
              )}
            </li>
          );
        })}
      </ol>
      {ranked.length > FIRST && (
        <Button size="small" variant="quiet" onClick={() => setAll(!all)}>
          {all ? 'Fewer' : `All ${ranked.length}`}
        </Button>
      )}
    </section>
  );
}

interface FrameButtonProps {
  frameId: string;
  mark?: { readonly x: number; readonly y: number };
  /** Raw relevancy of the marked pixel. */
  relevancy?: number;
  onClick: () => void;
}

function FrameButton({ frameId, mark, relevancy, onClick }: FrameButtonProps) {
  const name = useRecords(({ frames }) =>
    frames.status === 'ready' ? (frames.value.names[frames.value.ids.indexOf(frameId)] ?? frameId) : frameId,
  );
  const current = useSelection((state) => state.frame);
  const index = useRecords(({ frames }) => (frames.status === 'ready' ? frames.value.ids.indexOf(frameId) : -1));
  const value = relevancy === undefined ? '' : `, ${formatRelevancy(relevancy)}`;
  return (
    <button
      type="button"
      className="query-frame"
      aria-label={`Frame ${name}${value}`}
      aria-current={current === index}
      title={`${name}${value}`}
      onClick={onClick}
    >
      <Thumbnail frameId={frameId} {...(mark !== undefined && { mark })} />
      {relevancy !== undefined && <small className="tabular">{formatRelevancy(relevancy)}</small>}
    </button>
  );
}

/** Frames in which the answer is seen best, with the pixel. */
export function BestFrames({ layer }: { layer: QueryLayer }) {
  const studio = useStudio();
  const { answer, frames } = layer;
  if (answer === null || !answer.found) return null;
  return (
    <section className="query-section">
      <h3>
        Best frames
        {frames === null ? (
          <Spinner label="Looking through the frames" />
        ) : (
          <small className="tabular">
            {frames.frames.length} of {plural(frames.lookedAt, 'frame')} show it
          </small>
        )}
      </h3>
      {frames !== null && frames.frames.length > 0 && (
        <ul className="query-frames" aria-label="Best frames">
          {frames.frames.slice(0, MAX_FRAMES).map(({ frameId, maximum, best }) => (
            <li key={frameId}>
              <FrameButton frameId={frameId} mark={best} relevancy={maximum} onClick={() => goTo(studio, frameId)} />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
