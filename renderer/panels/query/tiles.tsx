import { useEffect, useRef, useState } from 'react';
import { routes } from '../../../contract/index.ts';
import {
  failureOf,
  type QueryLayer,
  useQueries,
  useRecords,
  useSelection,
  useSession,
  useStudio,
  useView,
} from '../../state/index.ts';
import { RelevancyLayers } from '../../tools/index.ts';

const WIDTH = 480;

/** Each open query over the current frame by itself, next to the others. */
export function Tiles() {
  const layers = useQueries((state) => state.layers);
  return (
    <ul className="query-tiles" aria-label="Queries side by side">
      {layers.map((layer) => (
        <li key={layer.key}>
          <Tile layer={layer} />
        </li>
      ))}
    </ul>
  );
}

function Tile({ layer }: { layer: QueryLayer }) {
  const studio = useStudio();
  const frames = useRecords((state) => state.frames);
  const frame = useSelection((state) => state.frame);
  const splatsId = useSession((state) => state.project?.currentSplatsId ?? null);
  const opacity = useView((state) => state.frames.relevancyOpacity);
  const active = useQueries((state) => state.active);
  const canvasRef = useRef<HTMLCanvasElement>(null);
  const mapsRef = useRef<RelevancyLayers | null>(null);
  const [painted, setPainted] = useState(0);
  const { answer, color, threshold, text, key } = layer;
  const map = answer?.map ?? null;
  const columns = frames.status === 'ready' ? frames.value : null;
  const frameId = columns?.ids[frame];
  const [width = 4, height = 3] = columns?.intrinsics.slice(6 * frame, 6 * frame + 2) ?? [];

  useEffect(() => {
    const maps = new RelevancyLayers(
      async (url) => {
        const response = await studio.transport.fetch(url);
        return createImageBitmap(await response.blob(), { colorSpaceConversion: 'none', premultiplyAlpha: 'none' });
      },
      () => setPainted((count) => count + 1),
    );
    mapsRef.current = maps;
    return () => {
      mapsRef.current = null;
      void maps.show([]);
    };
  }, [studio]);
  useEffect(() => {
    if (columns === null || frameId === undefined || splatsId === null || map === null) return;
    const url = routes.relevancy(splatsId, columns.captureId, frameId, map, WIDTH);
    mapsRef.current?.show([{ url, color, threshold }]).catch((error: unknown) => {
      studio.toastFailure(failureOf(error));
    });
  }, [studio, columns, frameId, splatsId, map, color, threshold]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the maps have changed
  useEffect(() => {
    const canvas = canvasRef.current;
    const context = canvas?.getContext('2d');
    if (canvas === null || context === null || context === undefined) return;
    canvas.width = WIDTH;
    canvas.height = Math.max(1, Math.round((WIDTH * height) / width));
    mapsRef.current?.draw(context, canvas, opacity);
  }, [painted, opacity, width, height]);

  return (
    <button
      type="button"
      className="query-tile"
      aria-current={key === active}
      aria-label={`${text}: over the current frame`}
      onClick={() => studio.queries.setState({ active: key })}
    >
      <span style={{ aspectRatio: `${width} / ${height}` }}>
        {columns !== null && frameId !== undefined && (
          <img alt="" src={routes.photo(columns.captureId, frameId, WIDTH)} draggable={false} />
        )}
        <canvas ref={canvasRef} />
      </span>
      <small>
        <i style={{ background: color }} />
        {text}
      </small>
    </button>
  );
}
