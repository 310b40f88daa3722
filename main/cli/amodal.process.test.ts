import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type FrameMasks,
  preparedCaptureSchema,
  SPLATS_MAGIC,
  segmentsOfLabels,
  splatsDataOffset,
  splatsLayout,
} from '../../contract/index.ts';
import { openProject } from '../project/index.ts';
import { sampleCapture } from '../project/samples.ts';
import { amodalOutlines, storeTracks } from '../tracks/index.ts';
import { main } from './index.ts';

const [WIDTH, HEIGHT, FRAMES] = [64, 48, 6];
/** Frame in which nothing of the ball is seen. */
const HIDDEN = 4;
const directory = await mkdtemp(join(tmpdir(), 'liftscope-amodal-process-'));
const folder = join(directory, 'ball.liftscope');
afterAll(() => rm(directory, { recursive: true }));

async function run(...argv: string[]) {
  const written = { stdout: '', stderr: '' };
  const sink = (name: 'stdout' | 'stderr') => ({
    write: (text: string): void => {
      written[name] += text;
    },
  });
  const code = await main(argv, { stdout: sink('stdout'), stderr: sink('stderr') });
  return { code, ...written };
}

const xAt = (position: number): number => -0.09 + 0.03 * position;
/** A ball of radius 0.1 at (0, 0, 1), and a thing in the corner that nothing tells the depth of. */
const labelsAt = (position: number): Int32Array =>
  Int32Array.from({ length: WIDTH * HEIGHT }, (_, i) => {
    const [x, y] = [i % WIDTH, Math.floor(i / WIDTH)];
    if (x < 3 && y < 3) return 2;
    return position !== HIDDEN && Math.hypot(x + 0.5 - (32 - 80 * xAt(position)), y + 0.5 - 24) < 8 ? 1 : 0;
  });
const nameOf = (position: number): string => `${position}.png`;
const masks = {
  frame: async (frame: string): Promise<FrameMasks> => ({
    ...{ frame, width: WIDTH, height: HEIGHT },
    segments: segmentsOfLabels(labelsAt(Number.parseInt(frame, 10))),
  }),
};
/** Gaussians on the disc that the ball shows, for its depth. */
function discSplats(): { bytes: Uint8Array; gaussians: number } {
  const places = Array.from({ length: 81 }, (_, i): [number, number] => [
    ((i % 9) - 4) * 0.025,
    (Math.floor(i / 9) - 4) * 0.025,
  ]).filter(([x, y]) => Math.hypot(x, y) < 0.11);
  const header = { count: places.length, shDegree: 0 } as const;
  const text = Buffer.from(JSON.stringify(header));
  const at = splatsDataOffset(text.length);
  const layout = splatsLayout(header);
  const bytes = Buffer.alloc(at + layout.dataBytes);
  bytes.write(SPLATS_MAGIC, 0, 'latin1');
  bytes.writeUInt32LE(text.length, 8);
  text.copy(bytes, 12);
  const put = ({ offsetBytes }: { readonly offsetBytes: number }, values: readonly number[]): void => {
    values.forEach((value, k) => {
      bytes.writeFloatLE(value, at + offsetBytes + 4 * k);
    });
  };
  put(
    layout.means,
    places.flatMap(([x, y]) => [x, y, 1]),
  );
  put(
    layout.quaternions,
    places.flatMap(() => [1, 0, 0, 0]),
  );
  put(
    layout.logScales,
    places.flatMap(() => Array.from({ length: 3 }, () => Math.log(0.015))),
  );
  put(
    layout.logitOpacities,
    places.map(() => 4),
  );
  return { bytes, gaussians: places.length };
}

let [captureId, ball, far] = [0, 0, 0];

beforeAll(async () => {
  const photo = join(directory, 'photo.png');
  const grey = { r: 150, g: 150, b: 150 };
  await sharp({ create: { width: WIDTH, height: HEIGHT, channels: 3, background: grey } }).toFile(photo);
  using project = await openProject(folder, { create: true });
  const sample = sampleCapture(() => photo);
  captureId = project.captures.add(
    preparedCaptureSchema.parse({
      ...sample,
      cameras: [{ id: 1, model: 'PINHOLE', width: WIDTH, height: HEIGHT, params: { fx: 80, fy: 80, cx: 32, cy: 24 } }],
      frames: Array.from({ length: FRAMES }, (_, position) => ({
        ...sample.frames[0]!,
        ...{ id: `frame-${position}`, name: nameOf(position), width: WIDTH, height: HEIGHT },
        cameraFromWorld: { quaternion: [1, 0, 0, 0], translation: [-xAt(position), 0, 0] },
      })),
    }),
    undefined,
    {},
  );
  const { bytes, gaussians } = discSplats();
  const artifact = await project.artifacts.put(bytes, 'splats');
  project.splats.add({ captureId, jobId: null, artifact, gaussians, shDegree: 0 });
  const lines = [
    { format: 'liftscope-tracks', version: 1, recipe: 'spatial', frames: FRAMES },
    ...Array.from({ length: FRAMES }, (_, position) => ({
      name: nameOf(position),
      observations: [
        { object: 1, ...(position === HIDDEN ? { state: 'occluded' } : { state: 'visible', segment: 1 }) },
        { object: 2, state: 'visible', segment: 2 },
      ],
    })),
    ...[1, 2].map((object) => ({
      ...{ object, category: object === 1 ? 'ball' : 'far', firstFrame: 0, lastFrame: 5, segments: 5 },
      staticIntervals: [],
    })),
    { end: 2 },
  ];
  const tracksPath = join(directory, 'ball.tracks');
  await writeFile(tracksPath, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  await storeTracks(project, { captureId, jobId: null, tracksPath, masks });
  const idOf = (name: string) => project.objects.list(captureId).find(({ className }) => className === name)!.id;
  [ball, far] = [idOf('ball'), idOf('far')];
});

test('an occluded object: its mask where it is not seen, its splats as PLY; one without a place is refused', async () => {
  const made = await run('amodal', folder, '--iterations', '20', '--threads', '1', '--json');
  expect(made.stderr).not.toMatch(/rror/);
  expect(made.code).toBe(0);
  expect(JSON.parse(made.stdout)).toMatchObject({
    masks: 'amodal',
    result: { masks: FRAMES, objects: [{ id: ball, masks: FRAMES, unseenMasks: 1 }] },
  });
  const outlines = async () => {
    using project = await openProject(folder);
    return amodalOutlines(project, captureId, HIDDEN, [ball, far]);
  };
  const before = await outlines();
  expect(before).toMatchObject([{ objectId: ball, kind: 'amodal', width: WIDTH, height: HEIGHT }]);
  const out = join(directory, 'ball.ply');
  const exported = await run('export', folder, '--object', String(ball), '--out', out, '--json');
  expect(exported.code).toBe(0);
  expect(JSON.parse(exported.stdout)).toMatchObject({ object: ball, from: 0, to: FRAMES - 1, intervals: 1 });
  const refused = await run('amodal', folder, '--objects', String(far), '--threads', '1', '--json');
  expect(refused.code).toBe(3);
  expect(JSON.parse(refused.stdout).error.message).toMatch(/far.*has no static interval/);
  // What was there stays.
  expect(await outlines()).toEqual(before);
});
