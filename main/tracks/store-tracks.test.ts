import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import {
  encodeCounts,
  type FrameMasks,
  OBSERVATION_FLAGS,
  type TrackedObject,
  type TrackedObservation,
} from '../../contract/index.ts';
import { createSyntheticProject, openProject, type Project } from '../project/index.ts';
import { locksOfProject, readTracksFile, storeTracks } from './index.ts';

const FRAMES = 8;
const [WIDTH, HEIGHT] = [64, 48];
const directory = await mkdtemp(join(tmpdir(), 'store-tracks-'));
const projects: Project[] = [];
afterAll(async () => {
  for (const project of projects) project.close();
  await rm(directory, { recursive: true });
});

const nameOf = (position: number): string => `${String(position).padStart(6, '0')}.png`;
const rleAt = (start: number): string => encodeCounts([start, 5, WIDTH * HEIGHT - start - 5]);
/** Segment of id k covers five pixels from 10·k on. */
const masks = {
  frame: async (name: string): Promise<FrameMasks> => ({
    ...{ frame: name, width: WIDTH, height: HEIGHT },
    segments: [1, 2, 3].map((id) => ({ id, rle: rleAt(10 * id) })),
  }),
};

let project: Project;
let captureId: number;
let tracksPath: string;
beforeEach(async () => {
  const folder = join(directory, `${projects.length}.liftscope`);
  ({ captureId } = await createSyntheticProject(folder, { frames: FRAMES, objects: 1, observations: 1 }));
  project = await openProject(folder);
  projects.push(project);
  tracksPath = join(directory, `${projects.length}.tracks`);
});

const object = (id: number, category: string | null, objectId?: number): TrackedObject => ({
  ...{ object: id, category, firstFrame: 0, lastFrame: FRAMES - 1, segments: FRAMES, staticIntervals: [] },
  ...(objectId !== undefined && { objectId }),
});

async function writeTracks(
  observationsOf: (position: number) => TrackedObservation[],
  objects: readonly TrackedObject[],
): Promise<void> {
  const lines = [
    { format: 'liftscope-tracks', version: 1, recipe: 'spatial', frames: FRAMES },
    ...Array.from({ length: FRAMES }, (_, i) => ({ name: nameOf(i), observations: observationsOf(i) })),
    ...objects,
    { end: objects.length },
  ];
  await writeFile(tracksPath, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

/** Object 1 under initial id 1, unseen in frames 3 and 4, then under 2; object 2 under id 3. */
const usual = (position: number): TrackedObservation[] => [
  position === 3 || position === 4
    ? { object: 1, state: position === 3 ? 'occluded' : 'out-of-view', at: [1, 2, 3] }
    : {
        ...{ object: 1, state: 'visible', segment: position < 3 ? 1 : 2, at: [position, 2, 3] },
        ...(position === 5 && { idSwitch: true }),
        ...(position === 6 && { rivals: [2] }),
      },
  { object: 2, state: 'visible', segment: 3 },
];
const store = () => storeTracks(project, { captureId, jobId: null, tracksPath, masks });

describe('tracks into a project', () => {
  it('become objects, tracks by initial id, and observations with masks, states and switches', async () => {
    await writeTracks(usual, [object(1, 'mug'), object(2, null)]);
    expect(await store()).toMatchObject({ objects: 2, tracks: 3, observations: 2 * FRAMES, skipped: 0 });
    const [mug, other, ...none] = project.objects.list(captureId);
    expect(none).toEqual([]);
    expect(mug).toMatchObject({ name: 'mug 1', className: 'mug', provenance: 'lifted' });
    expect(other).toMatchObject({ name: 'object 1', className: null });
    expect(project.tracks.ofObject(mug!.id).map(({ sourceId }) => sourceId)).toEqual(['1', '2']);
    const lane = project.observations.ofObject(mug!.id);
    expect(lane.map(({ state }) => state)).toEqual([
      ...['visible', 'visible', 'visible', 'occluded', 'out-of-view'],
      ...['visible', 'visible', 'visible'],
    ]);
    const { idSwitch, ambiguous } = OBSERVATION_FLAGS;
    expect(lane.map(({ flags }) => flags)).toEqual([0, 0, 0, 0, 0, idSwitch, ambiguous, 0]);
    expect(lane[3]!.maskId).toBeNull();
    expect(project.masks.get(lane[5]!.maskId!)).toMatchObject({ rle: rleAt(20), position: 5, provenance: 'model' });
    expect(project.objects.geometry(captureId)).toMatchObject([{ objectId: mug!.id, centroid: [7, 2, 3] }]);
  });

  it('replace what an earlier run found', async () => {
    await writeTracks(usual, [object(1, 'mug'), object(2, null)]);
    await store();
    await writeTracks((position) => [usual(position)[1]!], [object(2, 'pan')]);
    await store();
    expect(project.objects.list(captureId).map(({ name }) => name)).toEqual(['pan 1']);
    expect(project.observations.count()).toBe(FRAMES);
  });

  it('keep what a person locked as it is, and tell tracking of it', async () => {
    await writeTracks((position) => (position < 5 ? usual(position) : []), [object(1, 'mug'), object(2, null)]);
    await store();
    const mug = project.objects.list(captureId)[0]!;
    project.edits.applyObjectEdit(captureId, {
      ...{ type: 'update-objects', ids: [mug.id] },
      change: { name: 'my mug', locked: true },
    });
    const before = project.observations.ofObject(mug.id);
    const locks = await locksOfProject(project, captureId);
    expect(locks).toEqual([0, 1, 2].map((position) => ({ position, rle: rleAt(10), objectId: mug.id })));
    await writeTracks(usual, [object(1, 'plate', mug.id), object(2, null)]);
    const { skipped } = await store();
    expect(skipped).toBeGreaterThanOrEqual(FRAMES);
    const kept = project.objects.list(captureId).find(({ id }) => id === mug.id);
    expect(kept).toMatchObject({ name: 'my mug', className: 'mug', locked: true });
    expect(project.observations.ofObject(mug.id)).toEqual(before);
  });

  it('of a damaged file are refused by line', async () => {
    await writeTracks(usual, [object(1, 'mug'), object(2, null)]);
    const { readFile } = await import('node:fs/promises');
    const lines = (await readFile(tracksPath, 'utf8')).trimEnd().split('\n');
    const refuse = async (changed: readonly string[], words: RegExp) => {
      await writeFile(tracksPath, `${changed.join('\n')}\n`);
      await expect(readTracksFile(tracksPath, () => undefined)).rejects.toThrow(words);
    };
    await refuse(lines.slice(0, -1), /cut short/);
    await refuse(lines.with(2, '{"name": "x"'), /line 3 is not JSON/);
    await refuse(lines.with(3, lines[3]!.replace('visible', 'hidden')), /line 4 is not valid/);
    await refuse(lines.with(-1, '{"end": 7}'), /counts other objects/);
    await refuse([...lines, '{}'], /after the end/);
  });
});
