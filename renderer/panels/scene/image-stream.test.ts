import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { CameraState } from '../../state/index.ts';
import { ImageStream, type ViewedImage } from './image-stream.ts';

const cameraAt = (x: number): CameraState => ({
  position: [x, 0, -4],
  target: [x, 0, 0],
  up: [0, -1, 0],
  fovYDegrees: 50,
});

interface Asked {
  readonly quality: string;
  readonly size: [number, number];
  answer(status?: number): Promise<void>;
  fail(): Promise<void>;
  readonly signal: AbortSignal;
}

function setUp() {
  const asked: Asked[] = [];
  const images: ViewedImage[] = [];
  const failures: unknown[] = [];
  const busy: boolean[] = [];
  const stream = new ImageStream({
    fetch: (_url, init) => {
      const pending = Promise.withResolvers<Response>();
      const signal = init.signal!;
      signal.addEventListener('abort', () => pending.reject(new DOMException('', 'AbortError')));
      const body = JSON.parse(String(init.body)) as { quality: string; width: number; height: number };
      asked.push({
        quality: body.quality,
        size: [body.width, body.height],
        signal,
        answer: async (status = 200) => {
          pending.resolve(new Response(status === 204 ? null : 'image', { status }));
          await vi.advanceTimersByTimeAsync(1);
        },
        fail: async () => {
          pending.reject(new Error('the view process ended'));
          await vi.advanceTimersByTimeAsync(1);
        },
      });
      return pending.promise;
    },
    onImage: (image) => images.push(image),
    onFailure: (error) => failures.push(error),
    onBusy: (value) => busy.push(value),
  });
  return { stream, asked, images, failures, busy };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('while the camera moves, one request is under way and the newest camera is next; at rest the exact image follows', async () => {
  const { stream, asked, images, busy } = setUp();
  for (let x = 1; x <= 5; x++) stream.show(3, cameraAt(x), 800, 600, true);
  expect(asked.map(({ quality }) => quality)).toEqual(['moving']);
  await asked[0]!.answer();
  expect(images).toHaveLength(1);
  expect(images[0]!.camera.position[0]).toBe(1);
  expect(asked.map(({ quality }) => quality)).toEqual(['moving', 'moving']);
  await asked[1]!.answer();
  expect(images[1]!.camera.position[0]).toBe(5);
  await vi.advanceTimersByTimeAsync(200);
  expect(asked.map(({ quality }) => quality)).toEqual(['moving', 'moving', 'rest']);
  expect(busy.at(-1)).toBe(true);
  await asked[2]!.answer();
  expect(images.at(-1)).toMatchObject({ quality: 'rest' });
  expect(busy.at(-1)).toBe(false);
  await vi.advanceTimersByTimeAsync(1000);
  expect(asked).toHaveLength(3);
});

it('a movement gives up the exact image that is under way', async () => {
  const { stream, asked, images } = setUp();
  stream.show(3, cameraAt(1), 800, 600, false);
  expect(asked[0]!.quality).toBe('rest');
  stream.show(3, cameraAt(2), 800, 600, true);
  expect(asked[0]!.signal.aborted).toBe(true);
  expect(asked[1]!.quality).toBe('moving');
  await asked[1]!.answer();
  expect(images.map(({ quality }) => quality)).toEqual(['moving']);
});

it('an answer that a newer one replaced shows nothing and asks again', async () => {
  const { stream, asked, images } = setUp();
  stream.show(3, cameraAt(1), 800, 600, true);
  await asked[0]!.answer(204);
  expect(images).toEqual([]);
  await vi.advanceTimersByTimeAsync(200);
  expect(asked[1]!.quality).toBe('rest');
});

it('a failure is told once, and the next camera tries again', async () => {
  const { stream, asked, failures, busy } = setUp();
  stream.show(3, cameraAt(1), 800, 600, false);
  await asked[0]!.fail();
  expect(failures).toHaveLength(1);
  expect(busy.at(-1)).toBe(false);
  stream.show(3, cameraAt(2), 800, 600, false);
  expect(asked).toHaveLength(2);
});

it('a huge panel asks for a bounded image of the same shape, and a closed one for nothing', async () => {
  const { stream, asked, images } = setUp();
  stream.show(3, cameraAt(1), 7680, 4320, false);
  expect(asked[0]!.size).toEqual([1920, 1080]);
  stream.clear();
  expect(asked[0]!.signal.aborted).toBe(true);
  await vi.advanceTimersByTimeAsync(1000);
  expect(asked).toHaveLength(1);
  expect(images).toEqual([]);
});
