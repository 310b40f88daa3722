import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { countsByLabel, countsOfMask, encodeCounts, type FrameMasks } from '../../contract/index.ts';
import { importCapture } from '../capture/index.ts';
import { countsOfPolygons } from '../masks/index.ts';
import { createSyntheticProject, openProject } from '../project/index.ts';
import { writeEpicFields } from './epic-fields.ts';
import { exportProjectTracks, importProjectTracks, storeTracks, trackExportFormats } from './index.ts';
import { readMot, writeMot } from './mot.ts';
import { outlinesOfCounts } from './outlines.ts';
import { readVisor, writeVisor } from './visor.ts';

const directory = await mkdtemp(join(tmpdir(), 'track-formats-'));
afterAll(() => rm(directory, { recursive: true }));
const at = (name: string): string => join(directory, name);

const [WIDTH, HEIGHT] = [40, 30];
/** Deterministic pattern in [0, 1). */
const hash = (i: number): number => Math.abs(Math.sin(i * 91.7 + 3) * 1e4) % 1;
const FRAMES = Array.from({ length: 5 }, (_, i) => ({ name: `frame_${1000 + i}.png`, width: WIDTH, height: HEIGHT }));
const CLASSES = [
  { id: 2, name: 'mug' },
  { id: 9, name: 'cutting board' },
];

/** Ragged segments with holes and islands; the last frame has none. */
function frameMasks(index: number): FrameMasks {
  const labels = new Int32Array(WIDTH * HEIGHT);
  if (index < FRAMES.length - 1) {
    for (let i = 0; i < labels.length; i++) {
      const x = i % WIDTH;
      const label = x < 18 ? 7 : x > 20 ? 2_000_000 + index : 0;
      if (hash(i + 7000 * index) > 0.45) labels[i] = label;
    }
  }
  const segments = countsByLabel(labels).map(({ label, counts }) => ({
    ...{ id: label, rle: encodeCounts(counts) },
    ...(label === 7 ? { classId: 9, confidence: 0.625 } : index === 1 ? {} : { classId: 2 }),
  }));
  return { frame: FRAMES[index]!.name, width: WIDTH, height: HEIGHT, segments };
}
async function* allMasks(): AsyncGenerator<FrameMasks, void> {
  for (let i = 0; i < FRAMES.length; i++) yield frameMasks(i);
}

describe('outlines', () => {
  it('cover exactly the mask, holes and islands included', () => {
    for (let k = 0; k < 6; k++) {
      const mask = Uint8Array.from({ length: WIDTH * HEIGHT }, (_, i) => (hash(i + k * 9999) > 0.15 * (k + 1) ? 1 : 0));
      const counts = countsOfMask(mask);
      const polygons = outlinesOfCounts(counts, WIDTH);
      expect(
        countsOfPolygons(
          polygons.map((polygon) => polygon.flat()),
          WIDTH,
          HEIGHT,
        ),
      ).toEqual(counts);
    }
  });

  it('of a rectangle has its four corners', () => {
    const counts = [2 * WIDTH + 3, 4, WIDTH - 4, 4, WIDTH * HEIGHT - 3 * WIDTH - 11 + 4];
    const [outline, ...others] = outlinesOfCounts(counts, WIDTH);
    expect(others).toEqual([]);
    expect([...outline!].sort((a, b) => a[0] - b[0] || a[1] - b[1])).toEqual([
      [3, 2],
      [3, 4],
      [7, 2],
      [7, 4],
    ]);
  });
});

describe('VISOR layout', () => {
  it('comes back without loss: masks, ids, classes, confidences, empty frames', async () => {
    const path = at('visor.json');
    const written = await writeVisor(path, allMasks(), { classes: CLASSES });
    expect(written).toEqual({ frames: 5, segments: 8 });
    const back = await readVisor(path, FRAMES);
    expect(back.frames).toEqual(FRAMES.map((_, i) => frameMasks(i)));
    expect(back.classes).toEqual(CLASSES);
    expect(back.skipped).toBe(0);
  });

  it('of other programs: a track is a name, sizes are scaled, what is wrong is named', async () => {
    const square = (x: number) => [
      [
        [x, 10],
        [x + 20, 10],
        [x + 20, 30],
        [x, 30],
      ],
    ];
    const document = {
      info: { version: 'x' },
      video_annotations: [
        {
          image: { name: 'frame_1000.png', width: 80, height: 60 },
          annotations: [
            { id: 'a1', name: 'mug', class_id: 4, segments: square(4) },
            { id: 'a2', name: 'knife', class_id: 5, segments: square(40) },
            { id: 'a3', name: 'mug', class_id: 4, segments: square(40) },
            { id: 'a4', name: 'air', segments: [] },
            { id: 'a5', segments: square(0) },
          ],
        },
        { image: { name: 'V/frame_1002.png' }, annotations: [{ name: 'mug', segments: square(0) }] },
        { image: { name: 'elsewhere.png' }, annotations: [] },
      ],
    };
    await writeFile(at('other.json'), JSON.stringify(document));
    const { frames, classes, names, skipped, notes } = await readVisor(at('other.json'), FRAMES);
    expect(frames.map(({ frame, segments }) => [frame, segments.map(({ id }) => id)])).toEqual([
      ['frame_1000.png', [1, 2]],
      ['frame_1002.png', [1]],
    ]);
    expect(frames[0]!.segments[0]!.rle).toBe(encodeCounts(rectangle(2, 5, 10, 10)));
    expect(classes).toEqual([
      { id: 4, name: 'mug' },
      { id: 5, name: 'knife' },
    ]);
    expect([...names]).toEqual([
      [1, 'mug'],
      [2, 'knife'],
    ]);
    expect(skipped).toBe(4);
    expect(notes.join('\n')).toMatch(/already.*no pixels.*annotation 4.*elsewhere\.png/s);
    await writeFile(at('bad.json'), '{"video_annotations": 3}');
    await expect(readVisor(at('bad.json'), FRAMES)).rejects.toThrow(/VISOR/);
    await writeFile(at('none.json'), '{"video_annotations": []}');
    await expect(readVisor(at('none.json'), FRAMES)).rejects.toThrow(/none of its images/);
  });
});

function rectangle(left: number, top: number, width: number, height: number): number[] {
  const mask = new Uint8Array(WIDTH * HEIGHT);
  for (let y = top; y < top + height; y++) mask.fill(1, y * WIDTH + left, y * WIDTH + left + width);
  return countsOfMask(mask);
}

describe('MOT', () => {
  it('boxes come back as rectangles, cut at the image; odd lines are named', async () => {
    const path = at('tracks.csv');
    const report = await writeMot(path, allMasks());
    expect(report).toMatchObject({ frames: 5, boxes: 8 });
    const { frames } = await readMot(path, FRAMES);
    expect(frames.map(({ segments }) => segments.map(({ id }) => id))).toEqual([
      ...[0, 1, 2, 3].map((i) => [7, 2_000_000 + i]),
      [],
    ]);
    await writeFile(
      at('odd.txt'),
      [
        '1,3,11,6,10,4,0.5,-1,-1,-1',
        '2 3 -4 -4 10 10 1',
        '',
        '1,3,1,1,2,2,1',
        '9,3,1,1,2,2,1',
        '1,4,1,1,2,2,0',
        '1,0,1,1,2,2,1',
        '1,8,900,1,2,2,1',
        'frame,id',
      ].join('\n'),
    );
    const odd = await readMot(at('odd.txt'), FRAMES);
    expect(odd.frames[0]!.segments).toEqual([{ id: 3, confidence: 0.5, rle: encodeCounts(rectangle(10, 5, 10, 4)) }]);
    expect(odd.frames[1]!.segments[0]!.rle).toBe(encodeCounts(rectangle(0, 0, 5, 5)));
    expect(odd.report).toMatchObject({ boxes: 2, skipped: 6 });
    expect(odd.report.notes[0]).toContain('line 4');
    await writeFile(at('empty.txt'), '\n');
    await expect(readMot(at('empty.txt'), FRAMES)).rejects.toThrow(/no box/);
  });
});

describe('a project', () => {
  it('goes out in all formats and comes back; cameras of EPIC-Fields too', async () => {
    const folder = at('p.liftscope');
    const { captureId } = await createSyntheticProject(folder, { frames: 4, objects: 1, observations: 1 });
    using project = await openProject(folder);
    const { capture } = project.captures.current();
    const rle = encodeCounts([64 * 10 + 5, 6, 64 * 48 - 64 * 10 - 11]);
    const nameOf = (i: number) => capture.frames[i]!.name;
    const masks = {
      frame: async (frame: string) => ({ frame, width: 64, height: 48, segments: [{ id: 5, rle }] }),
    };
    const lines = [
      { format: 'liftscope-tracks', version: 1, recipe: 'spatial', frames: 4 },
      ...[0, 1, 2].map((i) => ({ name: nameOf(i), observations: [{ object: 1, state: 'visible', segment: 5 }] })),
      { name: nameOf(3), observations: [{ object: 1, state: 'occluded' }] },
      { object: 1, category: 'mug', firstFrame: 0, lastFrame: 2, segments: 3, staticIntervals: [] },
      { end: 1 },
    ];
    await writeFile(at('p.tracks'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    await storeTracks(project, { captureId, jobId: null, tracksPath: at('p.tracks'), masks });
    for (const format of trackExportFormats) {
      const report = await exportProjectTracks(project, { format, outputPath: at(`out-${format}`) });
      expect(report).toMatchObject({ frames: 4, segments: 3 });
    }
    const json = JSON.parse(await readFile(at('out-json'), 'utf8'));
    expect(json.objects).toMatchObject([{ name: 'mug 1', class: 'mug' }]);
    expect(json.frames[3].observations).toMatchObject([{ state: 'occluded', sourceId: '5' }]);
    expect(json.frames[0].observations[0]).toMatchObject({ box: [5, 10, 11, 11], rle });
    const back = await importProjectTracks(project, join(at('out-visor'), 'visor.json'), { name: 'back' });
    expect(back).toMatchObject({ format: 'visor', frames: 4, segments: 3, tracks: 1, skipped: 0 });
    expect(await importProjectTracks(project, at('out-mot'), { name: 'boxes' })).toMatchObject({
      tracks: 1,
      segments: 3,
    });
    expect(project.maskSets.get(captureId, 'back')?.info).toMatchObject({ consistentIds: true });

    const points = Buffer.alloc(2 * 15);
    [0.1, -2.5, 3, 4, 5, 1e-3].forEach((value, i) => {
      points.writeFloatLE(value, 4 * i);
    });
    points.set([1, 2, 3, 250, 251, 252], 24);
    await writeFile(at('points'), points);
    const path = at('epic.json');
    await writeEpicFields(path, { ...capture, points: { count: 2 } }, at('points'));
    const images = at('images');
    const { mkdir, copyFile } = await import('node:fs/promises');
    await mkdir(images);
    for (const frame of capture.frames) await copyFile(frame.imagePath, join(images, frame.name));
    const { capture: read } = await importCapture(path, { imagesPath: images });
    expect(read.format).toBe('epic-fields');
    expect(read.frames.map(({ name }) => name)).toEqual(capture.frames.map(({ name }) => name));
    read.frames.forEach(({ cameraFromWorld }, i) => {
      const given = capture.frames[i]!.cameraFromWorld;
      const apart = [...cameraFromWorld.quaternion, ...cameraFromWorld.translation].map(
        (value, k) => value - [...given.quaternion, ...given.translation][k]!,
      );
      expect(Math.max(...apart.map(Math.abs))).toBeLessThan(1e-12);
    });
    expect(read.cameras[0]).toMatchObject({ width: 64, height: 48, params: capture.cameras[0]!.params });
    const two = { ...capture, cameras: [capture.cameras[0]!, capture.cameras[0]!] };
    await expect(writeEpicFields(path, two, undefined)).rejects.toThrow(/2 cameras/);
  });
});
