import { Canvas } from '@react-three/fiber';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { createStore, type StoreApi } from 'zustand/vanilla';
import type { Bounds, Failure, FrameColumns } from '../../../contract/index.ts';
import {
  type CameraState,
  failureOf,
  useCommandHandler,
  useRecords,
  useSelection,
  useStudio,
  useView,
} from '../../state/index.ts';
import { useHasLift } from '../../tools/index.ts';
import { formatCount, Note, Spinner } from '../../ui/index.ts';
import type { Adapter } from './adapter.ts';
import {
  followCamera,
  frameCamera,
  length,
  lookedAt,
  overviewCamera,
  projectPoint,
  sub,
  type Vec3,
  viewRequest,
} from './geometry.ts';
import { ImageStream } from './image-stream.ts';
import { navigate } from './navigation.ts';
import { objectLook } from './object-view.ts';
import { Cameras, ObjectCentroids, SharedCamera, SparsePoints } from './overlays.tsx';
import { RelevancyOverlay } from './relevancy-overlay.tsx';
import { clickScene, SegmentOverlay } from './segment-overlay.tsx';
import { SparkSplats } from './spark-splats.tsx';
import { Trails } from './trails.tsx';

interface ViewportProps {
  frames: FrameColumns;
  bounds: Bounds;
  captureId: number;
  /** Sparse points that the capture has. */
  points: number;
  splats: { readonly id: number; readonly gaussians: number } | null;
  adapter: Adapter;
}

/** How far from a mark a click still means it, CSS pixels. */
const REACH_PX = 12;
/** Distance after focusing, as a share of the one before: close enough to see why. */
const FOCUS_CLOSER = 0.6;

export function Viewport({ frames, bounds, captureId, points, splats, adapter }: ViewportProps) {
  const studio = useStudio();
  const scene = useView((state) => state.scene);
  const metrics = useRecords((state) => state.metrics);
  const objects = useRecords((state) => state.objects);
  const point = useSelection((state) => state.point);
  const selected = useSelection((state) => state.objects);
  const hasLift = useHasLift();
  const hostRef = useRef<HTMLDivElement>(null);
  const imageRef = useRef<HTMLCanvasElement>(null);
  const movingRef = useRef(false);
  const [busy, setBusy] = useState(false);
  const [milliseconds, setMilliseconds] = useState<number | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [sparkReady, setSparkReady] = useState(false);
  /** The camera that the picture on screen was drawn for. */
  const [displayed] = useState(() => createStore<CameraState>(() => studio.camera.getState()));

  const { tint, isolate } = scene;
  const look = useMemo(
    () =>
      hasLift && objects.status === 'ready' ? objectLook({ tint, isolate }, objects.value.objects, selected) : null,
    [hasLift, tint, isolate, objects, selected],
  );
  // Spark is given the plain model: what is to be seen of objects, our own rasteriser draws.
  const sparkWanted = scene.renderer === 'spark' || (scene.renderer === 'auto' && !adapter.software);
  const spark = sparkWanted && look === null;
  const splatsId = splats?.id ?? null;
  const asImages = scene.splats && splatsId !== null && !spark;

  const setCamera = useCallback(
    (camera: CameraState, moving: boolean): void => {
      movingRef.current = moving;
      studio.camera.setState(camera, true);
    },
    [studio],
  );

  // The camera of the current frame, or everything when a capture is shown for the first time.
  const towards = useMemo(() => lookedAt(frames, bounds), [frames, bounds]);
  const shownCapture = useRef<number | null>(null);
  useEffect(() => {
    const follow = (): void => {
      const { frame, playing } = studio.selection.getState();
      if (studio.view.getState().scene.followFrame && frame < frames.ids.length) {
        setCamera(followCamera(frameCamera(frames, frame), towards), playing);
      }
    };
    if (shownCapture.current !== frames.captureId) {
      shownCapture.current = frames.captureId;
      if (!studio.view.getState().scene.followFrame) setCamera(overviewCamera(frames, bounds), false);
    }
    follow();
    return studio.selection.subscribe((now, before) => {
      if (now.frame !== before.frame || (before.playing && !now.playing)) follow();
    });
  }, [studio, frames, bounds, towards, setCamera]);
  useEffect(() => {
    if (!scene.followFrame) return;
    const { frame } = studio.selection.getState();
    if (frame < frames.ids.length) setCamera(followCamera(frameCamera(frames, frame), towards), false);
  }, [scene.followFrame, studio, frames, towards, setCamera]);

  // Images from the worker.
  const lookRef = useRef(look);
  const refreshRef = useRef<() => void>(() => undefined);
  useEffect(() => {
    lookRef.current = look;
    refreshRef.current();
  }, [look]);
  useEffect(() => {
    const host = hostRef.current;
    const canvas = imageRef.current;
    if (!asImages || host === null || canvas === null) {
      displayed.setState(studio.camera.getState(), true);
      setBusy(false);
      setFailure(null);
      return studio.camera.subscribe((camera) => displayed.setState(camera, true));
    }
    const context = canvas.getContext('2d');
    let newest = 0;
    const stream = new ImageStream({
      fetch: (url, init) => studio.transport.fetch(url, init),
      onBusy: setBusy,
      onFailure: (error) => setFailure(failureOf(error)),
      onImage: ({ blob, camera, quality, milliseconds: took }) => {
        newest += 1;
        const number = newest;
        void createImageBitmap(blob).then((bitmap) => {
          if (number === newest && context !== null) {
            if (canvas.width !== bitmap.width) canvas.width = bitmap.width;
            if (canvas.height !== bitmap.height) canvas.height = bitmap.height;
            context.drawImage(bitmap, 0, 0);
            canvas.dataset.quality = quality;
            displayed.setState(camera, true);
            setFailure(null);
            setMilliseconds(took);
          }
          bitmap.close();
        });
      },
    });
    const show = (moving: boolean): void => {
      const { clientWidth, clientHeight } = host;
      if (clientWidth === 0 || clientHeight === 0) return;
      const ratio = devicePixelRatio;
      const camera = studio.camera.getState();
      stream.show(splatsId, camera, clientWidth * ratio, clientHeight * ratio, moving, lookRef.current);
    };
    refreshRef.current = () => show(false);
    const observer = new ResizeObserver(() => show(false));
    observer.observe(host);
    const stop = studio.camera.subscribe(() => show(movingRef.current));
    return () => {
      refreshRef.current = () => undefined;
      stop();
      observer.disconnect();
      stream.clear();
    };
  }, [studio, asImages, splatsId, displayed]);

  const pick = useCallback(
    async (x: number, y: number) => {
      const host = hostRef.current;
      if (splatsId === null || host === null) return null;
      const view = viewRequest(displayed.getState(), host.clientWidth, host.clientHeight);
      const shown = lookRef.current === null ? {} : { objects: lookRef.current };
      const found = await studio.attempt(() =>
        studio.transport.call('view.pick', { splatsId, x, y, ...view, ...shown }),
      );
      return found ?? null;
    },
    [studio, splatsId, displayed],
  );
  const locate = useCallback(
    async (x: number, y: number): Promise<Vec3 | null> => {
      const found = await pick(x, y);
      return found === null ? null : [...found.position];
    },
    [pick],
  );

  const focusOn = useCallback(
    (target: Vec3): void => {
      const camera = studio.camera.getState();
      const offset = sub(camera.position, camera.target);
      const closer = FOCUS_CLOSER * length(sub(camera.position, target));
      const by = closer / Math.max(length(offset), 1e-9);
      const position: Vec3 = [target[0] + offset[0] * by, target[1] + offset[1] * by, target[2] + offset[2] * by];
      setCamera({ ...camera, target, position }, false);
    },
    [studio, setCamera],
  );

  useEffect(() => {
    const host = hostRef.current;
    if (host === null) return;
    /** Nearest of some world points to a pixel, by index; -1 when none is within reach. */
    const nearest = (x: number, y: number, points: readonly (Vec3 | null)[]): number => {
      let best = -1;
      let distance = REACH_PX;
      points.forEach((world, i) => {
        const seen =
          world === null ? null : projectPoint(displayed.getState(), host.clientWidth, host.clientHeight, world);
        const away = seen === null ? Infinity : Math.hypot(seen.x - x, seen.y - y);
        if (away < distance) [best, distance] = [i, away];
      });
      return best;
    };
    const shownObjects = () => {
      const loaded = studio.records.getState().objects;
      const view = studio.view.getState().scene;
      return view.objects && loaded.status === 'ready' ? loaded.value.objects.filter(({ hidden }) => !hidden) : [];
    };
    return navigate(host, {
      mode: () => studio.view.getState().scene.mode,
      camera: () => studio.camera.getState(),
      move: setCamera,
      hover: (x, y) => {
        const candidates = shownObjects();
        const found =
          candidates[
            nearest(
              x,
              y,
              candidates.map(({ centroid }) => centroid),
            )
          ];
        studio.hoverObject(found?.id ?? null);
      },
      click: (x, y, event) => {
        if (studio.segment.getState().active) {
          const positive = event.button === 0 && !event.altKey;
          clickScene(studio, displayed.getState(), host, { x, y, positive }, locate);
          return;
        }
        if (event.button !== 0) return;
        const candidates = shownObjects();
        const object =
          candidates[
            nearest(
              x,
              y,
              candidates.map(({ centroid }) => centroid),
            )
          ];
        if (object !== undefined) {
          studio.selectObjects([object.id], event.ctrlKey || event.metaKey ? 'toggle' : 'replace');
          return;
        }
        if (studio.view.getState().scene.cameras) {
          const { frame } = studio.selection.getState();
          const following = studio.view.getState().scene.followFrame;
          const centres = frames.ids.map((_, i) => (following && i === frame ? null : frameCamera(frames, i).centre));
          const camera = nearest(x, y, centres);
          if (camera >= 0) {
            studio.goToFrame(camera);
            return;
          }
        }
        const toggle = event.ctrlKey || event.metaKey;
        void pick(x, y).then((found) => {
          if (toggle) {
            if (found !== null && found.objectId !== null) studio.selectObjects([found.objectId], 'toggle');
            return;
          }
          if ((found?.objectId ?? null) === null) studio.selectObjects([]);
          studio.selectPoint(found);
        });
      },
      doubleClick: (x, y) =>
        !studio.segment.getState().active &&
        void pick(x, y).then((found) => found !== null && focusOn([...found.position])),
    });
  }, [studio, frames, displayed, setCamera, pick, locate, focusOn]);

  useCommandHandler(
    'scene.reset',
    useCallback(() => setCamera(overviewCamera(frames, bounds), false), [frames, bounds, setCamera]),
  );
  useCommandHandler(
    'scene.focus',
    useCallback(() => {
      const { objects: ids, point: picked } = studio.selection.getState();
      const loaded = studio.records.getState().objects;
      const object = loaded.status === 'ready' ? loaded.value.objects.find(({ id }) => id === ids.at(-1)) : undefined;
      focusOn(object?.centroid ?? picked?.position ?? towards);
    }, [studio, focusOn, towards]),
  );

  return (
    <div
      ref={hostRef}
      className="scene-viewport"
      role="application"
      aria-label="3D view: drag to orbit, right drag to pan, wheel to zoom, W A S D Q E to fly"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: the view takes the fly keys
      tabIndex={0}
      data-testid="scene-viewport"
    >
      <canvas ref={imageRef} className="scene-image" hidden={!asImages} />
      {scene.splats && splatsId !== null && (
        <RelevancyOverlay splatsId={splatsId} displayed={displayed} host={hostRef} />
      )}
      <div className="scene-overlay" aria-hidden="true">
        <Canvas
          style={{ pointerEvents: 'none' }}
          frameloop={spark && splats !== null ? 'always' : 'demand'}
          flat
          gl={{ alpha: true, antialias: true, powerPreference: 'high-performance' }}
          dpr={[1, 2]}
          tabIndex={-1}
        >
          <SharedCamera displayed={displayed} />
          {spark && scene.splats && splatsId !== null && <SparkSplats splatsId={splatsId} onReady={setSparkReady} />}
          {points > 0 && (scene.points || splatsId === null) && <SparsePoints captureId={captureId} />}
          {scene.cameras && (
            <Cameras frames={frames} bounds={bounds} metrics={metrics.status === 'ready' ? metrics.value : null} />
          )}
          {scene.objects && objects.status === 'ready' && <ObjectCentroids objects={objects.value.objects} />}
          {scene.objects && objects.status === 'ready' && <Trails objects={objects.value.objects} />}
        </Canvas>
      </div>
      <SegmentOverlay displayed={displayed} host={hostRef} locate={locate} />
      {point !== null && <PickedMark position={point.position} displayed={displayed} host={hostRef} />}
      <div className="scene-status" aria-live="off">
        {splats === null ? (
          <span>{points > 0 ? 'Sparse points and cameras' : 'Cameras'}. Train to see the model.</span>
        ) : (
          <span className="tabular">
            {formatCount(splats.gaussians)} Gaussians ·{' '}
            {spark
              ? `Spark on ${adapter.name || 'WebGL'}${sparkReady ? '' : ' · loading'}`
              : `our rasteriser${sparkWanted ? ', for objects' : ''}${milliseconds === null ? '' : ` · ${Math.round(milliseconds)} ms`}`}
          </span>
        )}
        <span className="scene-busy" data-busy={busy && asImages}>
          <Spinner label="Drawing the view" />
        </span>
      </div>
      {failure !== null && (
        <div className="scene-failure" role="alert">
          <Note tone="bad">
            {failure.message} {failure.hint}
          </Note>
        </div>
      )}
    </div>
  );
}

interface PickedMarkProps {
  position: Vec3;
  displayed: StoreApi<CameraState>;
  host: React.RefObject<HTMLDivElement | null>;
}

/** A cross on the picked surface point; it moves with the picture without React. */
function PickedMark({ position, displayed, host }: PickedMarkProps) {
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const place = (camera: CameraState): void => {
      const box = host.current;
      const mark = ref.current;
      if (box === null || mark === null) return;
      const seen = projectPoint(camera, box.clientWidth, box.clientHeight, position);
      mark.hidden = seen === null;
      if (seen !== null) mark.style.transform = `translate(${seen.x}px, ${seen.y}px)`;
    };
    place(displayed.getState());
    return displayed.subscribe(place);
  }, [position, displayed, host]);
  return <div ref={ref} className="scene-mark" data-testid="scene-mark" />;
}
