import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { encodeCounts, type FrameMasks, OBSERVATION_FLAGS } from '../../contract/index.ts';
import { writeMasksFile } from '../masks/index.ts';
import { createSyntheticProject, openProject, type Project } from '../project/index.ts';
import {
  AMODAL_MASKS,
  amodalOutlines,
  beginReview,
  carriedOutlines,
  effortOf,
  endReview,
  exportProjectTracks,
  reviewOf,
  showTracks,
  stateOfTracks,
  storeTracks,
  suggestedMerges,
  TrackOccluders,
  TrackPlaces,
} from './index.ts';

const FRAMES = 6;
const PIXELS = 64 * 48;
const directory = await mkdtemp(join(tmpdir(), 'track-insight-'));
const projects: Project[] = [];
afterAll(async () => {
  for (const project of projects) project.close();
  await rm(directory, { recursive: true });
});

const rleAt = (start: number): string => encodeCounts([start, 5, PIXELS - start - 5]);
const masks = {
  frame: async (frame: string): Promise<FrameMasks> => ({
    ...{ frame, width: 64, height: 48 },
    segments: [1, 2, 3].map((id) => ({ id, rle: rleAt(10 * id) })),
  }),
};

let project: Project;
let captureId: number;
beforeEach(async () => {
  const folder = join(directory, `${projects.length}.liftscope`);
  ({ captureId } = await createSyntheticProject(folder, { frames: FRAMES, objects: 1, observations: 1 }));
  project = await openProject(folder);
  projects.push(project);
});

/** Object 1 in frames 0 to 2, carried over into 3; object 2 in 4 and 5, perhaps the same; object 3 in all. */
async function store(switched = false): Promise<void> {
  const path = join(directory, `${projects.length}.tracks`);
  const frame = (position: number) => ({
    name: `${String(position).padStart(6, '0')}.png`,
    observations: [
      ...(position < 3
        ? [{ object: 1, state: 'visible', segment: 1, at: [position, 0, 1] }]
        : [{ object: 1, state: 'occluded', at: [2, 0, 1], ...(position > 3 && { occluder: position === 4 ? 3 : 0 }) }]),
      ...(position > 3 ? [{ object: 2, state: 'visible', segment: 2, at: [position, 0, 1], idSwitch: switched }] : []),
      { object: 3, state: 'visible', segment: 3 },
    ],
    ...(position === 3 && {
      carried: [
        { object: 1, rle: rleAt(100) },
        { object: 2, rle: rleAt(200) },
      ],
    }),
  });
  const object = (id: number, joins?: unknown) => ({
    ...{ object: id, category: 'mug', firstFrame: 0, lastFrame: 5, segments: 3, staticIntervals: [] },
    ...(joins !== undefined && { joins }),
  });
  const lines = [
    { format: 'liftscope-tracks', version: 1, recipe: 'spatial', frames: FRAMES },
    ...Array.from({ length: FRAMES }, (_, position) => frame(position)),
    object(1, [
      { object: 2, cost: 0.5 },
      { object: 3, cost: 0.1 },
    ]),
    ...[object(2), object(3), { end: 3 }],
  ];
  await writeFile(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  await storeTracks(project, { captureId, jobId: null, tracksPath: path, masks });
}
const ids = (): number[] => project.objects.list(captureId).map(({ id }) => id);

describe('what helps to correct tracks', () => {
  it('merges: what was never seen together, the more often seen one keeps its name', async () => {
    await store();
    const [a, b] = ids();
    expect(suggestedMerges(project, captureId)).toEqual([{ into: a, from: b, cost: 0.5 }]);
    project.edits.applyObjectEdit(captureId, { type: 'merge-objects', into: a!, ids: [b!] });
    expect(suggestedMerges(project, captureId)).toEqual([]);
  });

  it('trails go with the masks, whoever they are given to', async () => {
    await store();
    const places = new TrackPlaces(project);
    const [a, b, c] = ids() as [number, number, number];
    const [first, , none] = await places.trails(captureId, [a, b, c]);
    expect(first).toEqual({ objectId: a, positions: [0, 1, 2], points: [0, 0, 1, 1, 0, 1, 2, 0, 1] });
    expect(none?.positions).toEqual([]);
    project.edits.applyObjectEdit(captureId, { type: 'merge-objects', into: a, ids: [b] });
    expect((await places.trails(captureId, [a]))[0]?.positions).toEqual([0, 1, 2, 4, 5]);
  });

  it('carried masks are shown, and are nobody’s until they are accepted', async () => {
    await store();
    const [a, b] = ids() as [number, number];
    const outlines = await carriedOutlines(project, captureId, 3, [a, b]);
    expect(outlines.map(({ objectId, kind, rle }) => [objectId, kind, rle])).toEqual([
      [a, 'carried', rleAt(100)],
      [b, 'carried', rleAt(200)],
    ]);
    const before = project.observations.ofObject(b)[0];
    expect(before).toMatchObject({ position: 3, state: 'visible', flags: OBSERVATION_FLAGS.carried });
    project.edits.applyTrackEdit(captureId, { type: 'accept-carried', ids: [a] });
    expect((await carriedOutlines(project, captureId, 3, [a, b])).map(({ objectId }) => objectId)).toEqual([b]);
    expect(effortOf(project)).toMatchObject({ corrections: 1 });
    project.edits.undo();
    expect(effortOf(project).corrections).toBe(0);
  });

  it('what hides an object goes with the tracks, whoever they are given to', async () => {
    await store();
    const [a, b, c] = ids() as [number, number, number];
    const occluders = new TrackOccluders(project);
    const at = (position: number) => occluders.ofFrame(captureId, position, [a, b, c]);
    expect(await at(3)).toEqual([]);
    expect(await at(4)).toEqual([{ objectId: a, by: c }]);
    expect(await at(5)).toEqual([{ objectId: a, by: null }]);
    const path = join(directory, 'occluded.json');
    await exportProjectTracks(project, { format: 'json', outputPath: path });
    const { frames } = JSON.parse(await readFile(path, 'utf8'));
    const told = (position: number) =>
      frames[position].observations.find((one: { object: number }) => one.object === a);
    expect([3, 4, 5].map((position) => told(position).occludedBy)).toEqual([undefined, c, null]);
    project.edits.applyObjectEdit(captureId, { type: 'merge-objects', into: b, ids: [c] });
    expect(await at(4)).toEqual([{ objectId: a, by: b }]);
    // A second run has tracks of its own.
    project.edits.undo();
    await store();
    const [again, , front] = ids() as [number, number, number];
    expect(await occluders.ofFrame(captureId, 4, ids())).toEqual([{ objectId: again, by: front }]);
  });

  it('whole silhouettes come from their own set', async () => {
    const path = await project.artifacts.temporaryPath('masks');
    const name = '000002.png';
    const info = {
      ...{ name: AMODAL_MASKS, provenance: { kind: 'lifted' as const, source: 'test' } },
      ...{ consistentIds: true, classes: [] },
    };
    expect(await amodalOutlines(project, captureId, 2, [1])).toEqual([]);
    await writeMasksFile(
      path,
      () => info,
      async (add) => add(await masks.frame(name)),
    );
    const artifact = await project.artifacts.adopt(path, 'masks');
    project.maskSets.add({ captureId, info, artifact, frames: 1, jobId: null });
    const found = await amodalOutlines(project, captureId, 2, [1, 3]);
    expect(found.map(({ objectId, kind, rle }) => [objectId, kind, rle])).toEqual([
      [1, 'amodal', rleAt(10)],
      [3, 'amodal', rleAt(30)],
    ]);
    expect(await amodalOutlines(project, captureId, 3, [1])).toEqual([]);
  });

  it('what was deleted does not come back with the next run', async () => {
    await store();
    const [, b, c] = ids() as [number, number, number];
    project.edits.applyObjectEdit(captureId, { type: 'delete-objects', ids: [b, c] });
    await store();
    expect(project.objects.list(captureId).map(({ className }) => className)).toEqual(['mug']);
    expect(project.observations.ofObject(ids()[0]!).filter(({ maskId }) => maskId !== null).length).toBe(4);
  });

  it('a re-run is shown beside what was before, and one of them stays', async () => {
    await store();
    const before = stateOfTracks(project, captureId)!;
    const lanes = () => ids().map((id) => project.observations.ofObject(id));
    const old = lanes();
    await store(true);
    await beginReview(project, captureId, 7, before);
    const fresh = lanes();
    expect(reviewOf(project, captureId)).toMatchObject({
      ...{ jobId: 7, shown: 'after' },
      ...{ before: { objects: 3, idSwitches: 0, seen: 11 }, after: { objects: 3, idSwitches: 2, seen: 11 } },
    });
    await showTracks(project, captureId, 'before');
    expect(lanes()).toEqual(old);
    expect(reviewOf(project, captureId)?.shown).toBe('before');
    await showTracks(project, captureId, 'after');
    expect(lanes()).toEqual(fresh);
    endReview(project, captureId);
    expect(reviewOf(project, captureId)).toBeNull();
    await expect(showTracks(project, captureId, 'before')).rejects.toThrow(/no re-run/);
  });
});
