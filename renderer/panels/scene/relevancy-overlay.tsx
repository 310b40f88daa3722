import { useEffect, useRef, useState } from 'react';
import type { StoreApi } from 'zustand/vanilla';
import { routes, SUPERSEDED_STATUS } from '../../../contract/index.ts';
import { type CameraState, failureOf, isAbort, useQueries, useStudio, useView } from '../../state/index.ts';
import { RelevancyLayers, type RelevancyMap } from '../../tools/index.ts';
import { viewRequest } from './geometry.ts';

/** After the last movement of the picture. While it moves the maps are not shown: they would be of another view. */
const REST_MS = 200;
/** A wider panel gets maps of this width, stretched. */
const MAX_SIDE = 1280;

interface RelevancyOverlayProps {
  splatsId: number;
  /** The camera of the picture on screen. */
  displayed: StoreApi<CameraState>;
  host: React.RefObject<HTMLDivElement | null>;
}

/** Relevancy of the open queries from the free camera, over the model, whoever draws that. */
export function RelevancyOverlay({ splatsId, displayed, host }: RelevancyOverlayProps) {
  const studio = useStudio();
  const on = useView((state) => state.scene.relevancy);
  const opacity = useView((state) => state.frames.relevancyOpacity);
  const layers = useQueries((state) => state.layers);
  const canvasRef = useRef<HTMLCanvasElement>(null);
  const [stream] = useState(() => crypto.randomUUID());
  const wanted = useRef<readonly Omit<RelevancyMap, 'url'>[]>([]);
  const maps = useRef<readonly string[]>([]);
  const [refresh] = useState(() => ({ run: () => {} }));

  useEffect(() => {
    const shown = on ? layers.filter(({ visible, answer }) => visible && answer !== null) : [];
    wanted.current = shown.map(({ color, threshold }) => ({ color, threshold }));
    maps.current = shown.map(({ answer }) => answer?.map ?? '');
    refresh.run();
  }, [on, layers, refresh]);

  useEffect(() => {
    const canvas = canvasRef.current;
    const box = host.current;
    const context = canvas?.getContext('2d');
    if (canvas === null || box === null || context === null || context === undefined) return;
    let abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let size = { width: 1, height: 1 };
    /** The view that the maps are of; another camera or size is another view. */
    let view = { key: '', body: {} };
    const paint = () => {
      canvas.width = size.width;
      canvas.height = size.height;
      layersOf.draw(context, size, opacity);
    };
    const layersOf = new RelevancyLayers(async (url) => {
      const map = url.slice(url.indexOf(' ') + 1);
      const response = await studio.transport.fetch(routes.view(splatsId), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ ...view.body, stream: `relevancy ${stream} ${map}`.slice(0, 100), map }),
        signal: abort.signal,
      });
      if (response.status === SUPERSEDED_STATUS) throw new DOMException('superseded', 'AbortError');
      const blob = await response.blob();
      return createImageBitmap(blob, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' });
    }, paint);

    const look = (): void => {
      const { clientWidth, clientHeight } = box;
      if (clientWidth === 0 || clientHeight === 0) return;
      const shrink = Math.min(devicePixelRatio, MAX_SIDE / Math.max(clientWidth, clientHeight));
      size = {
        width: Math.max(1, Math.round(clientWidth * shrink)),
        height: Math.max(1, Math.round(clientHeight * shrink)),
      };
      const body = {
        channel: 'relevancy',
        quality: 'rest',
        ...viewRequest(displayed.getState(), size.width, size.height),
      };
      view = { key: JSON.stringify(body), body };
      layersOf
        .show(maps.current.map((map, i) => ({ url: `${view.key} ${map}`, ...wanted.current[i]! })))
        .then(() => {
          canvas.dataset.relevancy = String(maps.current.length > 0 && layersOf.complete);
        })
        .catch((error: unknown) => {
          if (!isAbort(error) && !abort.signal.aborted) studio.toastFailure(failureOf(error));
        });
    };
    const soon = (): void => {
      clearTimeout(timer);
      timer = setTimeout(look, REST_MS);
    };
    const moved = (): void => {
      abort.abort();
      abort = new AbortController();
      canvas.dataset.relevancy = 'false';
      void layersOf.show([]);
      soon();
    };
    refresh.run = look;
    look();
    const stop = displayed.subscribe(moved);
    const observer = new ResizeObserver(soon);
    observer.observe(box);
    return () => {
      refresh.run = () => {};
      clearTimeout(timer);
      stop();
      observer.disconnect();
      abort.abort();
    };
  }, [studio, splatsId, displayed, host, opacity, stream, refresh]);

  return <canvas ref={canvasRef} className="scene-relevancy" data-testid="scene-relevancy" />;
}
