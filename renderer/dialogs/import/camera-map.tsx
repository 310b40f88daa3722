import { useEffect, useMemo, useRef } from 'react';
import type { ImportPreview, Vector3 } from '../../../contract/index.ts';
import { mapAxes, onMap, placeCameras } from './geometry.ts';

const AXES: readonly { readonly name: string; readonly direction: Vector3; readonly token: string }[] = [
  { name: 'X', direction: [1, 0, 0], token: '--axis-x' },
  { name: 'Y', direction: [0, 1, 0], token: '--axis-y' },
  { name: 'Z', direction: [0, 0, 1], token: '--axis-z' },
];

/** 1, 2 or 5 times a power of ten, at most `length`. */
function roundLength(length: number): number {
  const power = 10 ** Math.floor(Math.log10(length));
  const factor = [5, 2, 1].find((f) => f * power <= length) ?? 1;
  return factor * power;
}

/** A robust range: outliers beyond the 1st and 99th percentile do not shrink everything else. */
function range(values: number[]): [number, number] {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (fraction: number) => sorted[Math.round(fraction * (sorted.length - 1))] ?? 0;
  return [at(0.02), at(0.98)];
}

interface CameraMapProps {
  preview: ImportPreview;
  view: 'top' | 'side';
  title: string;
}

/** Cameras (wedges that point where they look) and sparse points, seen from above or from the side, with a scale bar. */
export function CameraMap({ preview, view, title }: CameraMapProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const cameras = useMemo(() => placeCameras(preview.poses), [preview]);

  useEffect(() => {
    const element = canvas.current;
    if (element === null) return;
    const draw = () => drawMap(element, preview, cameras, view);
    const observer = new ResizeObserver(draw);
    observer.observe(element);
    const themes = new MutationObserver(draw);
    themes.observe(document.documentElement, { attributeFilter: ['data-theme'] });
    return () => {
      observer.disconnect();
      themes.disconnect();
    };
  }, [preview, cameras, view]);

  return (
    <figure className="camera-map">
      <canvas ref={canvas} role="img" aria-label={`${title}: ${cameras.length} cameras`} />
      <figcaption>{title}</figcaption>
    </figure>
  );
}

function drawMap(
  canvas: HTMLCanvasElement,
  preview: ImportPreview,
  cameras: ReturnType<typeof placeCameras>,
  view: 'top' | 'side',
): void {
  const context = canvas.getContext('2d');
  const { clientWidth: width, clientHeight: height } = canvas;
  if (context === null || width === 0 || height === 0) return;
  const ratio = window.devicePixelRatio;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  const style = getComputedStyle(canvas);
  const token = (name: string) => style.getPropertyValue(name).trim();
  const axes = mapAxes(view, preview.up.direction);

  const centres = cameras.map(({ centre }) => onMap(centre, axes));
  const points: (readonly [number, number])[] = [];
  for (let i = 0; i + 2 < preview.samplePoints.length; i += 3) {
    const [x = 0, y = 0, z = 0] = preview.samplePoints.slice(i, i + 3);
    points.push(onMap([x, y, z], axes));
  }
  const shown = [...centres, ...points];
  const [left, right] = range(shown.map(([x]) => x));
  const [low, high] = range(shown.map(([, y]) => y));
  const centresX = centres.map(([x]) => x);
  const centresY = centres.map(([, y]) => y);
  const x0 = Math.min(left, ...centresX);
  const x1 = Math.max(right, ...centresX);
  const y0 = Math.min(low, ...centresY);
  const y1 = Math.max(high, ...centresY);
  const margin = 26;
  const scale = Math.min((width - 2 * margin) / (x1 - x0 || 1), (height - 2 * margin) / (y1 - y0 || 1));
  const toX = (x: number) => width / 2 + (x - (x0 + x1) / 2) * scale;
  const toY = (y: number) => height / 2 - (y - (y0 + y1) / 2) * scale;

  const { sampleColors } = preview;
  points.forEach(([x, y], i) => {
    context.fillStyle =
      sampleColors.length > i * 3 + 2
        ? `rgb(${sampleColors[i * 3]} ${sampleColors[i * 3 + 1]} ${sampleColors[i * 3 + 2]} / 0.7)`
        : token('--text-faint');
    context.fillRect(toX(x) - 0.7, toY(y) - 0.7, 1.4, 1.4);
  });

  const wedge = Math.max(5, Math.min(11, 160 / Math.sqrt(cameras.length)));
  context.lineWidth = 1.2;
  context.lineJoin = 'round';
  context.strokeStyle = token('--accent');
  context.fillStyle = token('--bg-selected');
  for (const { centre, forward } of cameras) {
    const [cx, cy] = onMap(centre, axes);
    const [fx, fy] = onMap(forward, axes);
    const length = Math.hypot(fx, fy);
    const px = toX(cx);
    const py = toY(cy);
    context.beginPath();
    if (length < 0.25) {
      // It looks along the line of sight of the map.
      context.arc(px, py, wedge / 3, 0, 2 * Math.PI);
    } else {
      const [dx, dy] = [(fx / length) * wedge, (-fy / length) * wedge];
      context.moveTo(px, py);
      context.lineTo(px + dx - dy * 0.55, py + dy + dx * 0.55);
      context.lineTo(px + dx + dy * 0.55, py + dy - dx * 0.55);
      context.closePath();
    }
    context.fill();
    context.stroke();
  }

  context.font = `500 11px ${style.fontFamily}`;
  context.fillStyle = token('--text-muted');
  context.strokeStyle = token('--text-muted');
  context.lineWidth = 1;
  const bar = roundLength((width * 0.3) / scale);
  const barWidth = bar * scale;
  const barY = height - 10.5;
  context.fillStyle = token('--canvas');
  context.globalAlpha = 0.8;
  context.fillRect(width - 16 - barWidth, barY - 20, barWidth + 12, 26);
  context.globalAlpha = 1;
  context.fillStyle = token('--text-muted');
  context.beginPath();
  context.moveTo(width - 10 - barWidth, barY - 3);
  context.lineTo(width - 10 - barWidth, barY);
  context.lineTo(width - 10, barY);
  context.lineTo(width - 10, barY - 3);
  context.stroke();
  context.textAlign = 'right';
  context.fillText(`${Number(bar.toPrecision(3))} units`, width - 10, barY - 6);

  context.textAlign = 'center';
  context.textBaseline = 'middle';
  for (const { name, direction, token: colour } of AXES) {
    const [dx, dy] = onMap(direction, axes);
    if (Math.hypot(dx, dy) < 0.35) continue;
    context.strokeStyle = token(colour);
    context.fillStyle = token(colour);
    context.beginPath();
    context.moveTo(26, height - 28);
    context.lineTo(26 + dx * 14, height - 28 - dy * 14);
    context.stroke();
    context.fillText(name, 26 + dx * 21, height - 28 - dy * 21);
  }
  context.textBaseline = 'alphabetic';
}
