import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  encodeCounts,
  type FrameMasks,
  type JobEvent,
  MasksEncoder,
  type TrackingRequest,
  trackedObjectSchema,
  trackingRequestSchema,
  tracksFrameSchema,
  tracksHeaderSchema,
} from '../../contract/index.ts';
import { encodeImage } from '../images/index.ts';
import { trackObjects } from './job.ts';

const [WIDTH, HEIGHT, FRAMES] = [32, 24, 12];
/** Two walls, so that disparity has a spread; the camera turns away from the things and back. */
let folder = '';
const events: JobEvent[] = [];
const context = { signal: new AbortController().signal, emit: (event: JobEvent) => void events.push(event) };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'track-job-'));
});
afterAll(() => rm(folder, { recursive: true }));

const box = (x: number, y: number, size = 6): string => {
  const counts: number[] = [];
  let end = 0;
  for (let row = y; row < y + size; row++) {
    counts.push(row * WIDTH + x - end, size);
    end = row * WIDTH + x + size;
  }
  return encodeCounts([...counts, WIDTH * HEIGHT - end]);
};
const nameOf = (position: number): string => `${String(position).padStart(3, '0')}.png`;

/** A red and a blue box; initial ids change after a gap of four frames, in which the camera looks away. */
async function request(frames: (position: number) => FrameMasks['segments'] | undefined): Promise<TrackingRequest> {
  const encoder = new MasksEncoder();
  const parts = [
    encoder.header({
      name: 'given',
      provenance: { kind: 'model', source: 'test' },
      consistentIds: true,
      classes: [{ id: 3, name: 'mug' }],
    }),
  ];
  for (let position = 0; position < FRAMES; position++) {
    const segments = frames(position);
    if (segments === undefined) continue;
    parts.push(encoder.frame({ frame: nameOf(position), width: WIDTH, height: HEIGHT, segments }));
  }
  parts.push(encoder.finish());
  const masksPath = join(folder, 'given.masks');
  await writeFile(masksPath, Buffer.concat(parts));
  const data = new Uint8Array(3 * WIDTH * HEIGHT).fill(90);
  for (let i = 0; i < WIDTH * HEIGHT; i++) data[(i % WIDTH < 16 ? 0 : 2) * WIDTH * HEIGHT + i] = 220;
  const imagePath = join(folder, 'photo.png');
  await writeFile(imagePath, await encodeImage({ width: WIDTH, height: HEIGHT, data }, { format: 'png' }));
  return trackingRequestSchema.parse({
    frames: Array.from({ length: FRAMES }, (_, position) => ({
      ...{ name: nameOf(position), imagePath, width: WIDTH, height: HEIGHT, role: 'train' },
      ...{ fx: 30, fy: 30, cx: 16, cy: 12 },
      cameraFromWorld: { quaternion: [1, 0, 0, 0], translation: [0, 0, 0] },
    })),
    masks: { kind: 'file', path: masksPath },
    depth: { kind: 'none' },
    parameters: { alphaInstance: 0.5, gamma: 2, alphaVisual: 8 },
    outputPath: join(folder, 'out.tracks'),
  });
}

async function linesOf(path: string): Promise<unknown[]> {
  return (await readFile(path, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
}

const pair = (red: number, blue: number): FrameMasks['segments'] => [
  { id: red, classId: 3, rle: box(4, 8) },
  { id: blue, classId: 3, confidence: 0.5, rle: box(20, 8) },
];

describe('track-objects', () => {
  it('mends ids by looks where there is no depth, and writes every frame', async () => {
    const result = await trackObjects(await request((at) => (at < 4 ? pair(1, 2) : at < 8 ? [] : pair(9, 7))), context);
    expect(result).toMatchObject({ frames: FRAMES, framesWithSegments: 8, segments: 16, objects: 2, initialTracks: 4 });
    expect(result.depth).toEqual({ fitted: 0, previous: 0, none: FRAMES });
    expect(result.noteCounts).toEqual({ 'no-segments': 4, 'no-depth': FRAMES });
    expect(events.some((event) => event.type === 'warning' && event.message.includes('004.png'))).toBe(true);
    const [header, ...rest] = await linesOf(result.tracksPath);
    expect(tracksHeaderSchema.parse(header).frames).toBe(FRAMES);
    const frames = rest.slice(0, FRAMES).map((line) => tracksFrameSchema.parse(line));
    expect(frames[8]!.observations).toEqual([
      { object: 1, state: 'visible', segment: 9, idSwitch: true },
      { object: 2, state: 'visible', segment: 7, idSwitch: true },
    ]);
    expect(frames[9]!.observations.some(({ idSwitch }) => idSwitch)).toBe(false);
    expect(frames[5]!.observations).toEqual([]);
    const objects = rest.slice(FRAMES, -1).map((line) => trackedObjectSchema.parse(line));
    expect(objects).toMatchObject([
      { object: 1, category: 'mug', firstFrame: 0, lastFrame: 11, segments: 8 },
      { object: 2, category: 'mug', firstFrame: 0, lastFrame: 11, segments: 8 },
    ]);
    expect(rest.at(-1)).toEqual({ end: 2 });
  });

  it('goes by what a person decided; frames without masks and locks without a segment are named', async () => {
    const given = await request((at) => (at === 3 ? undefined : at < 4 ? pair(1, 2) : at < 8 ? [] : pair(9, 7)));
    const result = await trackObjects(
      {
        ...given,
        locks: [
          { position: 0, rle: box(4, 8), objectId: 41 },
          // Against all looks: the blue one is the red one from now on.
          { position: 8, rle: box(20, 8), objectId: 41 },
          { position: 5, rle: box(20, 8), objectId: 41 },
        ],
      },
      context,
    );
    const lines = await linesOf(result.tracksPath);
    const frame = tracksFrameSchema.parse(lines[9]);
    expect(frame.observations.find(({ segment }) => segment === 7)?.object).toBe(1);
    expect(frame.observations.find(({ segment }) => segment === 9)?.object).not.toBe(1);
    expect(trackedObjectSchema.parse(lines[1 + FRAMES])).toMatchObject({ object: 1, objectId: 41 });
    expect(result.noteCounts).toMatchObject({ 'lock-without-segment': 1 });
    expect(result.notes.some((note) => note.includes('003.png: it has no masks'))).toBe(true);
  });

  it('names parameters and inputs that it cannot use, and leaves no file behind', async () => {
    const given = await request(() => pair(1, 2));
    const outputPath = join(folder, 'never.tracks');
    await expect(trackObjects({ ...given, outputPath, parameters: { gama: 1 } }, context)).rejects.toThrow(/gama/);
    const simulated = { kind: 'simulated', noise: 'default', seed: 0 } as const;
    await expect(trackObjects({ ...given, outputPath, depth: simulated }, context)).rejects.toThrow(/generated scene/);
    const cancelled = { ...context, signal: AbortSignal.abort(new Error('enough')) };
    await expect(trackObjects({ ...given, outputPath }, cancelled)).rejects.toThrow('enough');
    await expect(readFile(outputPath)).rejects.toThrow();
  });
});
