import { useEffect, useRef } from 'react';
import { useSelection, useStudio } from '../../state/index.ts';
import type { Sightings } from './numbers.ts';

interface StripProps {
  sightings: Sightings;
  color: string;
  name: string;
  /** Goes to a frame and stays with the object. */
  onGo: (frame: number) => void;
}

/** Share of the height that each observation state fills, and how strongly. */
const LOOKS = [
  { height: 1, alpha: 1 },
  { height: 1, alpha: 0.42 },
  { height: 0.2, alpha: 0.8 },
  { height: 0, alpha: 0 },
] as const;

/** All frames from left to right, and where the object is in them. Drag to scrub; arrow keys step. */
export function FrameStrip({ sightings, color, name, onGo }: StripProps) {
  const studio = useStudio();
  const frame = useSelection((state) => state.frame);
  const count = useSelection((state) => state.frameCount);
  const canvas = useRef<HTMLCanvasElement>(null);

  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext('2d');
    if (element === null || context === null || context === undefined || count === 0) return;
    const draw = () => {
      const box = element.getBoundingClientRect();
      element.width = Math.max(1, Math.round(box.width * devicePixelRatio));
      element.height = Math.max(1, Math.round(box.height * devicePixelRatio));
      const perFrame = element.width / count;
      for (const { from, to, state } of sightings.runs) {
        const look = LOOKS[state] ?? LOOKS[3];
        context.globalAlpha = look.alpha;
        context.fillStyle = color;
        const height = look.height * element.height;
        const width = Math.max(devicePixelRatio, (to - from) * perFrame);
        context.fillRect(from * perFrame, (element.height - height) / 2, width, height);
      }
      context.globalAlpha = 1;
      context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue('--warn').trim();
      const size = 3 * devicePixelRatio;
      for (const at of sightings.switches) {
        const x = (at + 0.5) * perFrame;
        context.beginPath();
        context.moveTo(x - size, 0);
        context.lineTo(x + size, 0);
        context.lineTo(x, 1.5 * size);
        context.fill();
      }
    };
    const sizes = new ResizeObserver(draw);
    sizes.observe(element);
    const themes = new MutationObserver(draw);
    themes.observe(document.documentElement, { attributeFilter: ['data-theme'] });
    return () => {
      sizes.disconnect();
      themes.disconnect();
    };
  }, [sightings, color, count]);

  function scrub(event: React.PointerEvent<HTMLDivElement>) {
    const box = event.currentTarget.getBoundingClientRect();
    onGo(Math.floor(((event.clientX - box.left) / box.width) * count));
  }
  return (
    <div
      className="inspector-strip"
      role="slider"
      tabIndex={0}
      aria-label={`Frames with ${name}`}
      aria-valuemin={1}
      aria-valuemax={count}
      aria-valuenow={frame + 1}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        studio.setPlaying(false);
        scrub(event);
      }}
      onPointerMove={(event) => event.currentTarget.hasPointerCapture(event.pointerId) && scrub(event)}
      onKeyDown={(event) => {
        const to = { ArrowLeft: frame - 1, ArrowRight: frame + 1, Home: 0, End: count - 1 }[event.key];
        if (to === undefined) return;
        event.preventDefault();
        onGo(to);
      }}
    >
      <canvas ref={canvas} />
      <span style={{ left: `${((frame + 0.5) / Math.max(1, count)) * 100}%` }} />
    </div>
  );
}
