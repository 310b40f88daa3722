/** How soon a large splat PLY is on the screen, and how fast it turns there, through the view worker. */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BackendChoice, BenchmarkTarget, PinholeView, ViewRenderAnswer } from '../../contract/index.ts';
import { importSplatPly } from '../capture/index.ts';
import { ViewClient } from '../jobs/index.ts';
import { writeRoomPly } from './view-scene.ts';

export interface ViewBenchOptions {
  /** Gaussians; default a million. */
  readonly count?: number;
  /** Moving frames; default 60. */
  readonly frames?: number;
  readonly width?: number;
  readonly height?: number;
  readonly seed?: number;
  readonly backend?: BackendChoice;
  readonly threads?: number;
  /** A splat PLY to use instead of a generated one; the camera turns around the middle of its bounds. */
  readonly plyPath?: string;
  readonly note?: (text: string) => void;
}

const FIRST_FRAME_SECONDS = 5;
const FRAMES_PER_SECOND = 5;
const REST_SECONDS = 0.5;
const PICK_MS = 50;
/** What a moving picture must keep of the exact one, at the moving picture's size. */
const MOVING_PSNR_DB = 28;
const PICKS = 10;

/** Rows for `bench studio`. @throws LiftscopeError */
export async function benchView(options: ViewBenchOptions = {}): Promise<BenchmarkTarget[]> {
  const { count = 1_000_000, frames = 60, width = 1280, height = 720, seed = 1, note } = options;
  const folder = await mkdtemp(join(tmpdir(), 'liftscope-view-'));
  const client = new ViewClient({
    ...(options.backend !== undefined && { backend: options.backend }),
    ...(options.threads !== undefined && { threads: options.threads }),
    ...(note !== undefined && { onNotice: (_level, text) => note(text) }),
  });
  try {
    const plyPath = options.plyPath ?? join(folder, 'room.ply');
    if (options.plyPath === undefined) {
      note?.(`writing ${count} Gaussians`);
      await writeRoomPly(plyPath, count, seed);
    }
    const splatsPath = join(folder, 'scene.splats');
    let camera = orbit({ width, height });
    const openedAt = performance.now();
    client.warm();
    const { gaussians } = await importSplatPly(plyPath, splatsPath);
    const importSeconds = secondsSince(openedAt);
    if (options.plyPath !== undefined) camera = orbit({ width, height, ...(await client.info(splatsPath)).bounds });
    const render = async (view: PinholeView, quality: 'moving' | 'rest', format: 'jpeg' | 'rgba' = 'jpeg') => {
      const outcome = await client.render({ splatsPath, view, quality, format });
      if (outcome.status !== 'done') throw new Error('a call without a stream was replaced');
      return outcome.image;
    };
    await render(camera(0), 'moving');
    const firstFrame = secondsSince(openedAt);
    note?.(`first frame after ${firstFrame.toFixed(2)} s, import ${importSeconds.toFixed(2)} s of them`);

    const firstRestAt = performance.now();
    await render(camera(0), 'rest');
    const firstRest = secondsSince(firstRestAt);

    const turnedAt = performance.now();
    for (let frame = 0; frame < frames; frame++) await render(camera((2 * Math.PI * frame) / frames), 'moving');
    const framesPerSecond = frames / secondsSince(turnedAt);

    const rests: number[] = [];
    let worstPsnr = Infinity;
    for (const angle of [0.5, 2.5, 4.5]) {
      const moving = await render(camera(angle), 'moving', 'rgba');
      const restAt = performance.now();
      await render(camera(angle), 'rest');
      rests.push(secondsSince(restAt));
      worstPsnr = Math.min(worstPsnr, psnrAtSizeOf(moving, await render(camera(angle), 'rest', 'rgba')));
    }
    const picks: number[] = [];
    for (let i = 0; i < PICKS; i++) {
      const pickAt = performance.now();
      await client.pick({ splatsPath, view: camera(i), x: width * 0.6, y: height * 0.6 });
      picks.push(1000 * secondsSince(pickAt));
    }
    const { size } = await stat(plyPath);
    const scene = `${gaussians} Gaussians, ${Math.round(size / 1e6)} MB PLY, ${width} x ${height}`;
    return [
      row(
        `view: PLY to first frame, s (${scene})`,
        `<= ${FIRST_FRAME_SECONDS}`,
        firstFrame,
        firstFrame <= FIRST_FRAME_SECONDS,
      ),
      row('view: orbit, frames/s', `>= ${FRAMES_PER_SECOND}`, framesPerSecond, framesPerSecond >= FRAMES_PER_SECOND),
      row('view: exact picture at rest, s', `<= ${REST_SECONDS}`, median(rests), median(rests) <= REST_SECONDS),
      row('view: first exact picture, s', 'reported', firstRest, true),
      row('view: moving against exact, worst PSNR, dB', `>= ${MOVING_PSNR_DB}`, worstPsnr, worstPsnr >= MOVING_PSNR_DB),
      row('view: pick, ms', `<= ${PICK_MS}`, median(picks), median(picks) <= PICK_MS),
    ];
  } finally {
    await client.dispose();
    await rm(folder, { recursive: true, force: true });
  }
}

function row(name: string, target: string, value: number, met: boolean): BenchmarkTarget {
  return { name, target, value: Number(value.toPrecision(4)), met };
}

interface OrbitOptions {
  readonly width: number;
  readonly height: number;
  readonly min?: readonly number[];
  readonly max?: readonly number[];
}

/** A camera a quarter of the box away from its middle, looking through it; y points down. */
function orbit({ width, height, min = [-3, -1.5, -2.5], max = [3, 1.5, 2.5] }: OrbitOptions) {
  const centre = min.map((low, k) => 0.5 * (low + max[k]!));
  const radius = 0.3 * Math.max(max[0]! - min[0]!, max[2]! - min[2]!);
  const focal = 0.73 * width;
  return (angle: number): PinholeView => {
    // Turned about y: the camera's z axis in the world is (sin a, 0, cos a), and it stands at centre - radius z.
    const [sine, cosine] = [Math.sin(angle), Math.cos(angle)];
    const [x, y, z] = centre as [number, number, number];
    return {
      ...{ width, height, fx: focal, fy: focal, cx: width / 2, cy: height / 2 },
      cameraFromWorld: {
        quaternion: [Math.cos(angle / 2), 0, -Math.sin(angle / 2), 0],
        translation: [-(cosine * x - sine * z), -y, radius - (sine * x + cosine * z)],
      },
    };
  };
}

/** PSNR in dB of an RGBA picture against a larger one, averaged over the area of each pixel. */
function psnrAtSizeOf(small: ViewRenderAnswer, large: ViewRenderAnswer): number {
  const scaleX = large.width / small.width;
  const scaleY = large.height / small.height;
  let squares = 0;
  for (let y = 0; y < small.height; y++) {
    const [y0, y1] = [Math.floor(y * scaleY), Math.max(Math.floor(y * scaleY) + 1, Math.floor((y + 1) * scaleY))];
    for (let x = 0; x < small.width; x++) {
      const [x0, x1] = [Math.floor(x * scaleX), Math.max(Math.floor(x * scaleX) + 1, Math.floor((x + 1) * scaleX))];
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (let v = y0; v < y1; v++) for (let u = x0; u < x1; u++) sum += large.bytes[4 * (v * large.width + u) + c]!;
        const mean = sum / ((y1 - y0) * (x1 - x0));
        squares += (small.bytes[4 * (y * small.width + x) + c]! - mean) ** 2;
      }
    }
  }
  const meanSquare = squares / (3 * small.width * small.height);
  return 10 * Math.log10(255 ** 2 / Math.max(meanSquare, 1e-6));
}

const secondsSince = (start: number): number => (performance.now() - start) / 1000;

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
