import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  encodeCounts,
  type FrameMasks,
  type MaskSetInfo,
  SPLATS_MAGIC,
  splatsDataOffset,
  splatsLayout,
} from '../../contract/index.ts';
import { MasksFile, writeMasksFile } from '../masks/index.ts';
import { createSyntheticProject, openProject } from '../project/index.ts';
import { sampleCapture } from '../project/samples.ts';
import { AMODAL_MASKS, keepObjectSplats, prepareAmodal, storeTracks, withEarlierMasks } from '../tracks/index.ts';
import { main } from './index.ts';

const [WIDTH, HEIGHT, FRAMES] = [64, 48, 6];
const directory = await mkdtemp(join(tmpdir(), 'liftscope-amodal-'));
afterAll(() => rm(directory, { recursive: true }));

async function run(...argv: string[]): Promise<{ code: number; text: string }> {
  let text = '';
  const sink = () =>
    new Writable({
      write: (chunk, _encoding, done) => {
        text += String(chunk);
        done();
      },
    });
  const code = await main(argv, { stdout: sink(), stderr: sink() } as unknown as typeof process);
  return { code, text };
}

const folder = join(directory, 'tracked.liftscope');
const rleAt = (start: number): string => encodeCounts([start, 5, WIDTH * HEIGHT - start - 5]);
const masks = {
  frame: async (frame: string): Promise<FrameMasks> => ({
    ...{ frame, width: WIDTH, height: HEIGHT },
    segments: [1, 2].map((id) => ({ id, rle: rleAt(10 * id) })),
  }),
};
let [captureId, hidden, seen] = [0, 0, 0];

/** One object that is occluded in frame 3, and one that is always seen. */
beforeAll(async () => {
  ({ captureId } = await createSyntheticProject(folder, { frames: FRAMES, objects: 1, observations: 1 }));
  using project = await openProject(folder);
  const frame = (position: number) => ({
    name: `${String(position).padStart(6, '0')}.png`,
    observations: [
      position === 3
        ? { object: 1, state: 'occluded', at: [0, 0, 1] }
        : {
            object: 1,
            state: position === 5 ? 'absent' : 'visible',
            ...(position !== 5 && { segment: 1 }),
            at: [0, 0, 1],
          },
      { object: 2, state: 'visible', segment: 2 },
    ],
  });
  const object = (id: number) => ({
    ...{
      object: id,
      category: id === 1 ? 'mug' : 'pan',
      firstFrame: 0,
      lastFrame: 5,
      segments: 5,
      staticIntervals: [],
    },
  });
  const lines = [
    { format: 'liftscope-tracks', version: 1, recipe: 'spatial', frames: FRAMES },
    ...Array.from({ length: FRAMES }, (_, position) => frame(position)),
    ...[object(1), object(2), { end: 2 }],
  ];
  const tracksPath = join(directory, 'some.tracks');
  await writeFile(tracksPath, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  await storeTracks(project, { captureId, jobId: null, tracksPath, masks });
  const objects = project.objects.list(captureId);
  hidden = objects.find(({ className }) => className === 'mug')!.id;
  seen = objects.find(({ className }) => className === 'pan')!.id;
});

describe('amodal', () => {
  it('says what is missing: the project, the capture, tracks, splats, the object, the frame', async () => {
    expect(await run('amodal', join(directory, 'nowhere'))).toMatchObject({ code: 3 });
    const empty = join(directory, 'empty.liftscope');
    (await openProject(empty, { create: true })).close();
    expect((await run('amodal', empty)).text).toContain('no capture');
    const unknown = await run('amodal', folder, '--objects', '4711');
    expect(unknown.code).toBe(3);
    expect(unknown.text).toMatch(new RegExp(`no object 4711.*${hidden} \\(mug`, 's'));
    const unplaced = await run('amodal', folder);
    expect(unplaced.code).toBe(3);
    expect(unplaced.text).toMatch(/no splats.*liftscope train/s);
    expect((await run('amodal', folder, '--frames', 'x.png')).text).toContain('no frame "x.png"');
    expect(await run('amodal', folder, '--objects', '1,x')).toMatchObject({ code: 2 });
    using project = await openProject(folder);
    expect(project.maskSets.get(captureId, 'amodal')).toBeUndefined();
  });

  it('says that there are no tracks, or none with masks', async () => {
    const bare = join(directory, 'bare.liftscope');
    const photo = join(directory, 'photo.png');
    await writeFile(photo, 'no pixels are read');
    {
      using project = await openProject(bare, { create: true });
      project.captures.add(
        sampleCapture(() => photo),
        undefined,
        {},
      );
    }
    expect((await run('amodal', bare)).text).toMatch(/no tracks yet.*liftscope track/s);
    const maskless = join(directory, 'maskless.liftscope');
    const { captureId: id } = await createSyntheticProject(maskless, { frames: 2, objects: 1, observations: 1 });
    using project = await openProject(maskless);
    const ids = project.objects.list(id).map((object) => object.id);
    await expect(
      prepareAmodal(project, project.captures.current(), ids, join(directory, 'none.masks')),
    ).rejects.toThrow('tracks have no masks');
  });

  it('takes the objects that are occluded somewhere, and what is seen of all', async () => {
    using project = await openProject(folder);
    const path = join(directory, 'seen.masks');
    const capture = project.captures.current();
    const chosen = await prepareAmodal(project, capture, undefined, path);
    const classId = chosen.classes.find(({ name }) => name === 'mug')!.id;
    expect(chosen.objects).toMatchObject([{ record: { id: hidden }, classId, absent: [5] }]);
    await using file = await MasksFile.open(path);
    expect((await file.frame('000003.png'))?.segments.map(({ id }) => id)).toEqual([seen]);
    expect((await file.frame('000002.png'))?.segments.map(({ id }) => id).sort()).toEqual([hidden, seen].sort());
    expect((await prepareAmodal(project, capture, [seen], path)).objects.map(({ record }) => record.id)).toEqual([
      seen,
    ]);
  });
});

describe('a run for some objects', () => {
  const infoOf = (classes: readonly { id: number; name: string }[]): MaskSetInfo => ({
    name: AMODAL_MASKS,
    provenance: { kind: 'lifted', source: 'object-only splats' },
    consistentIds: true,
    classes: [...classes],
  });
  const frameOf = (frame: string, ids: readonly number[], start: number, classId: number): FrameMasks => ({
    ...{ frame, width: WIDTH, height: HEIGHT },
    segments: ids.map((id) => ({ id, classId, rle: rleAt(start + 10 * id) })),
  });
  const write = (path: string, info: MaskSetInfo, frames: readonly FrameMasks[]) =>
    writeMasksFile(
      path,
      () => info,
      async (add) => {
        for (const frame of frames) await add(frame);
      },
    );

  it('keeps what earlier ones found of all others, under the numbers that classes have now', async () => {
    using project = await openProject(folder);
    const [made, merged] = [join(directory, 'made.masks'), join(directory, 'merged.masks')];
    const now = infoOf([
      { id: 1, name: 'mug' },
      { id: 2, name: 'pan' },
    ]);
    await write(made, now, [frameOf('000002.png', [hidden], 500, 1)]);
    const classIdOf = new Map([
      [hidden, 1],
      [seen, 2],
    ]);
    const merge = () => withEarlierMasks(project, captureId, now, classIdOf, [hidden], made, merged);
    expect(await merge()).toEqual({ path: made, frames: 1 });
    const before = infoOf([{ id: 7, name: 'anything' }]);
    const earlier = await project.artifacts.temporaryPath('masks');
    await write(earlier, before, [frameOf('000001.png', [hidden, seen], 0, 7), frameOf('000002.png', [seen], 0, 7)]);
    const artifact = await project.artifacts.adopt(earlier, 'masks');
    project.maskSets.add({ captureId, info: before, artifact, frames: 2, jobId: null });
    expect(await merge()).toEqual({ path: merged, frames: 2 });
    await using file = await MasksFile.open(merged);
    expect((await file.frame('000001.png'))?.segments).toEqual(frameOf('', [seen], 0, 2).segments);
    expect((await file.frame('000002.png'))?.segments.toSorted((a, b) => a.id - b.id)).toEqual(
      [...frameOf('', [hidden], 500, 1).segments, ...frameOf('', [seen], 0, 2).segments].toSorted(
        (a, b) => a.id - b.id,
      ),
    );
  });
});

/** One Gaussian whose mean is (x, 0, 0). */
function oneGaussian(x: number): Uint8Array {
  const header = Buffer.from(JSON.stringify({ count: 1, shDegree: 0 }));
  const at = splatsDataOffset(header.length);
  const layout = splatsLayout({ count: 1, shDegree: 0 });
  const bytes = Buffer.alloc(at + layout.dataBytes);
  bytes.write(SPLATS_MAGIC, 0, 'latin1');
  bytes.writeUInt32LE(header.length, 8);
  header.copy(bytes, 12);
  bytes.writeFloatLE(x, at + layout.means.offsetBytes);
  bytes.writeFloatLE(1, at + layout.quaternions.offsetBytes);
  return bytes;
}

describe('export of an object', () => {
  it('writes its splats where it stood longest, or in a frame; says what there is not', async () => {
    const out = join(directory, 'object.ply');
    const none = await run('export', folder, '--object', String(hidden), '--out', out);
    expect(none.code).toBe(3);
    expect(none.text).toMatch(/no splats of object.*mug.*liftscope amodal/s);
    {
      using project = await openProject(folder);
      const kept = async (from: number, to: number, x: number) => ({
        ...{ objectId: hidden, from, to, gaussians: 1 },
        artifact: await project.artifacts.put(oneGaussian(x), 'splats'),
      });
      keepObjectSplats(project, captureId, [await kept(0, 1, 7), await kept(2, 4, 9)]);
    }
    const meanX = async (...more: string[]): Promise<number> => {
      const { code, text } = await run('export', folder, '--object', String(hidden), '--out', out, ...more);
      expect(text).toContain('one of 2 places');
      expect(code).toBe(0);
      const bytes = await readFile(out);
      const end = 'end_header\n';
      return bytes.readFloatLE(bytes.indexOf(end) + end.length);
    };
    expect(await meanX()).toBe(9);
    expect(await meanX('--format', 'ply', '--frame', '000001.png')).toBe(7);
    const elsewhere = await run('export', folder, '--object', String(hidden), '--out', out, '--frame', '000005.png');
    {
      using project = await openProject(folder);
      const again = {
        ...{ objectId: seen, from: 1, to: 2, gaussians: 1 },
        artifact: await project.artifacts.put(oneGaussian(5), 'splats'),
      };
      // A run for another object takes nothing away.
      keepObjectSplats(project, captureId, [again], [seen]);
    }
    expect(await meanX()).toBe(9);
    expect(elsewhere.text).toMatch(/000005\.png.*000000\.png to 000001\.png/s);
    expect((await run('export', folder, '--object', '4711', '--out', out)).text).toContain('no object 4711');
    expect(await run('export', folder, '--object', '1', '--format', 'mot', '--out', out)).toMatchObject({ code: 2 });
    expect(await run('export', folder, '--frame', '000001.png', '--out', out)).toMatchObject({ code: 2 });
  });
});
