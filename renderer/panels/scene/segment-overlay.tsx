import { useEffect, useRef } from 'react';
import type { StoreApi } from 'zustand/vanilla';
import { type CameraState, type Studio, useSegment, useStudio } from '../../state/index.ts';
import {
  addPoint,
  type DrawnMask,
  drawCrosshair,
  drawnMask,
  drawPoint,
  drawSegment,
  followCrosshair,
  placePoint,
  SEGMENT_COLOR,
} from '../../tools/index.ts';
import { projectPoint, type Vec3, viewRequest } from './geometry.ts';

/** Longest side of the image that clicks are answered for: an outline needs no more, and the answer comes at once. */
const MAX_SIDE = 640;
/** After the last movement of the camera. */
const REST_MS = 150;

interface OverlayProps {
  displayed: StoreApi<CameraState>;
  host: React.RefObject<HTMLDivElement | null>;
  /** World point of the surface at a pixel of the panel. */
  locate: (x: number, y: number) => Promise<Vec3 | null>;
}

/** The view that clicks are made in, and how many of its pixels a CSS pixel is. */
function clickView(camera: CameraState, width: number, height: number) {
  const scale = Math.min(1, MAX_SIDE / Math.max(width, height));
  const size = { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
  return { view: viewRequest(camera, size.width, size.height), perPixel: size.width / width };
}

/** A click at a pixel of the panel, with the place on the surface as soon as it is known. */
export function clickScene(
  studio: Studio,
  camera: CameraState,
  box: HTMLElement,
  at: { readonly x: number; readonly y: number; readonly positive: boolean },
  locate: OverlayProps['locate'],
): void {
  const { view, perPixel } = clickView(camera, box.clientWidth, box.clientHeight);
  const { x, y, positive } = at;
  addPoint(studio, { x: x * perPixel, y: y * perPixel, positive, view, position: null });
  const point = studio.segment.getState().points.at(-1);
  void locate(x, y).then((position) => {
    if (position !== null && point !== undefined) placePoint(studio, point, position);
  });
}

/** Click to segment in the scene: clicks, what they select, and a cross for the keyboard. */
export function SegmentOverlay(props: OverlayProps) {
  const active = useSegment((state) => state.active);
  return active ? <ActiveOverlay {...props} /> : null;
}

function ActiveOverlay({ displayed, host, locate }: OverlayProps) {
  const studio = useStudio();
  const ref = useRef<HTMLCanvasElement>(null);

  useEffect(() => {
    const canvas = ref.current;
    const box = host.current;
    if (canvas === null || box === null) return;
    let drawn: DrawnMask | undefined;
    let cross: { x: number; y: number } | null = null;

    const draw = (): void => {
      const context = canvas.getContext('2d');
      if (context === null) return;
      const { clientWidth: width, clientHeight: height } = box;
      canvas.width = Math.max(1, Math.round(width * devicePixelRatio));
      canvas.height = Math.max(1, Math.round(height * devicePixelRatio));
      const { sceneMask, points } = studio.segment.getState();
      const camera = displayed.getState();
      // What was selected for another camera would lie beside the thing.
      const mask = sceneMask?.camera === camera ? sceneMask.mask : undefined;
      if (mask !== drawn?.mask) drawn = mask === undefined ? undefined : drawnMask(mask, SEGMENT_COLOR);
      if (drawn !== undefined && mask !== undefined) {
        context.save();
        context.scale(canvas.width / mask.width, canvas.height / mask.height);
        drawSegment(context, drawn, (mask.width / canvas.width) * devicePixelRatio);
        context.restore();
      }
      for (const { position, positive } of points) {
        const seen = position === null ? null : projectPoint(camera, width, height, position);
        if (seen !== null) drawPoint(context, seen.x * devicePixelRatio, seen.y * devicePixelRatio, positive);
      }
      if (cross !== null) drawCrosshair(context, cross.x * devicePixelRatio, cross.y * devicePixelRatio);
    };

    let timer: ReturnType<typeof setTimeout> | undefined;
    const report = (): void => {
      const { clientWidth: width, clientHeight: height } = box;
      const camera = displayed.getState();
      studio.segment.setState({
        scene: width === 0 || height === 0 ? null : { camera, view: clickView(camera, width, height).view },
      });
    };
    const moved = (): void => {
      draw();
      clearTimeout(timer);
      timer = setTimeout(report, REST_MS);
    };
    const size = new ResizeObserver(moved);
    size.observe(box);
    const stops = [
      () => size.disconnect(),
      displayed.subscribe((now, before) => {
        if (now !== before) moved();
      }),
      studio.segment.subscribe((now, before) => {
        if (now.points !== before.points || now.sceneMask !== before.sceneMask) draw();
      }),
      followCrosshair(box, {
        active: () => true,
        move: (at) => {
          cross = at;
          draw();
        },
        click: (x, y, positive) => clickScene(studio, displayed.getState(), box, { x, y, positive }, locate),
      }),
    ];
    report();
    draw();
    return () => {
      clearTimeout(timer);
      for (const stop of stops) stop();
      studio.segment.setState({ scene: null, sceneMask: null });
    };
  }, [studio, displayed, host, locate]);

  return <canvas ref={ref} className="scene-overlay" data-testid="scene-segment" />;
}
