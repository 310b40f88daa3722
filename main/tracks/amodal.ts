/** What amodal masks are made of, and what is kept of them: objects, what is seen of them, the splats of each. */
import { z } from 'zod';
import {
  type FrameMasks,
  LiftscopeError,
  type MaskClass,
  type MaskSetInfo,
  type ObjectRecord,
} from '../../contract/index.ts';
import { MasksFile, writeMasksFile } from '../masks/index.ts';
import { type Project, parseArtifactName, type StoredCapture } from '../project/index.ts';
import { AMODAL_MASKS } from './insight.ts';
import { maskSetOf, masksOfTracks, tracksOfProject } from './project-tracks.ts';

const amodalKey = (captureId: number): string => `tracks.amodal.${captureId}`;
const storedSchema = z.array(
  z.object({
    objectId: z.int().min(1),
    /** Positions of the first and the last frame in which it was seen there. */
    from: z.int().min(0),
    to: z.int().min(0),
    gaussians: z.int().min(0),
    artifact: z.string(),
  }),
);
/** Splats of one object while it stood still. */
export type ObjectSplats = z.infer<typeof storedSchema>[number];

export interface AmodalObject {
  readonly record: ObjectRecord;
  readonly classId: number | undefined;
  /** Frames that it is absent in, by geometry or by a person. */
  readonly absent: readonly number[];
}

export interface AmodalInputs {
  readonly objects: readonly AmodalObject[];
  readonly classes: readonly MaskClass[];
  /** Of all objects that have one. */
  readonly classIdOf: ReadonlyMap<number, number>;
}

/**
 * The objects asked for; without any, those that are somewhere occluded. What is seen of all objects, with the corrections of a
 * person, goes to `masksPath`.
 * @throws LiftscopeError `not-found` without tracks, without masks of them, and for unknown ids
 */
export async function prepareAmodal(
  project: Project,
  capture: StoredCapture,
  wanted: readonly number[] | undefined,
  masksPath: string,
  signal?: AbortSignal,
): Promise<AmodalInputs> {
  const tracks = tracksOfProject(project, capture);
  const known = new Map(tracks.objects.map((object) => [object.id, object]));
  for (const id of wanted ?? []) if (!known.has(id)) unknownObject(id, tracks.objects);
  const numbers = new Map(tracks.classes.map(({ id, name }) => [name, id]));
  const classIdOf = new Map(
    tracks.objects.flatMap(({ id, className }): [number, number][] => {
      const number = className === null ? undefined : numbers.get(className);
      return number === undefined ? [] : [[id, number]];
    }),
  );
  const chosen = wanted === undefined ? tracks.objects : [...new Set(wanted)].map((id) => known.get(id)!);
  const objects = chosen.flatMap((record): AmodalObject[] => {
    const lane = project.observations.ofObject(record.id);
    if (wanted === undefined && !lane.some(({ state }) => state === 'occluded')) return [];
    return [
      {
        record,
        classId: classIdOf.get(record.id),
        absent: lane.flatMap(({ state, position }) => (state === 'absent' ? position : [])),
      },
    ];
  });
  if (objects.length === 0) {
    throw new LiftscopeError({
      code: 'not-found',
      message: 'No object of the capture is occluded in any frame.',
      hint: 'Name objects of which you want whole silhouettes anyway with --objects.',
    });
  }
  let segments = 0;
  await writeMasksFile(
    masksPath,
    () => maskSetOf(tracks, 'seen'),
    async (add) => {
      for await (const frame of masksOfTracks(tracks, signal)) {
        segments += frame.segments.length;
        await add(frame);
      }
    },
  );
  if (segments === 0) {
    throw new LiftscopeError({
      code: 'not-found',
      message: 'The tracks have no masks.',
      hint: 'Make tracks with masks: liftscope track DIR',
    });
  }
  return { objects, classes: tracks.classes, classIdOf };
}

/**
 * A run for some objects leaves what earlier ones found of all others: adds their masks of the earlier set.
 * @param path of the new masks; @param redone the objects of this run
 * @param mergedPath of the file to write @returns which of the two files holds all there is
 */
export async function withEarlierMasks(
  project: Project,
  captureId: number,
  info: MaskSetInfo,
  classIdOf: ReadonlyMap<number, number>,
  redone: readonly number[],
  path: string,
  mergedPath: string,
): Promise<{ readonly path: string; readonly frames: number }> {
  await using made = await MasksFile.open(path);
  const set = project.maskSets.get(captureId, AMODAL_MASKS);
  if (set === undefined) return { path, frames: made.frameNames.length };
  await using earlier = await MasksFile.open(project.artifacts.path(set.artifact));
  const again = new Set(redone);
  let frames = 0;
  await writeMasksFile(
    mergedPath,
    () => info,
    async (add) => {
      for (const name of new Set([...earlier.frameNames, ...made.frameNames])) {
        const [before, now] = [await earlier.frame(name), await made.frame(name)];
        // Numbers of classes may have changed since, those of objects never do.
        const kept = (before?.segments ?? []).flatMap(({ id, rle }): FrameMasks['segments'] => {
          const classId = classIdOf.get(id);
          return again.has(id) ? [] : [{ id, ...(classId !== undefined && { classId }), rle }];
        });
        const frame = (now ?? before)!;
        await add({ ...frame, segments: [...kept, ...(now?.segments ?? [])].sort((a, b) => a.id - b.id) });
        frames++;
      }
    },
  );
  return { path: mergedPath, frames };
}

/** Takes the place of what earlier runs kept: of all objects, or of those that were done again. */
export function keepObjectSplats(
  project: Project,
  captureId: number,
  splats: readonly ObjectSplats[],
  redone?: readonly number[],
): void {
  const others =
    redone === undefined ? [] : splatsOf(project, captureId).filter(({ objectId }) => !redone.includes(objectId));
  project.settings.set(
    amodalKey(captureId),
    [...others, ...splats].map((one) => ({ ...one })),
  );
}

function splatsOf(project: Project, captureId: number): ObjectSplats[] {
  return project.settings.get(amodalKey(captureId), storedSchema) ?? [];
}

/**
 * Splats of one object from the newest amodal run: of the longest interval, or of the one that a frame lies in.
 * @returns the interval, and the path of its splats
 * @throws LiftscopeError `not-found` naming the object, the frame, or what is missing
 */
export function objectSplatsOf(
  project: Project,
  objectId: number,
  frame?: string,
): { readonly interval: ObjectSplats; readonly intervals: number; readonly path: string } {
  const { id: captureId, capture } = project.captures.current();
  const objects = project.objects.list(captureId);
  const record = objects.find(({ id }) => id === objectId) ?? unknownObject(objectId, objects);
  const own = splatsOf(project, captureId).filter((one) => one.objectId === objectId);
  const make = `Make them with: liftscope amodal DIR --objects ${objectId}`;
  if (own.length === 0) {
    throw new LiftscopeError({
      code: 'not-found',
      message: `There are no splats of object ${objectId} (${record.name}).`,
      hint: make,
    });
  }
  const position = frame === undefined ? undefined : capture.frames.findIndex(({ name }) => name === frame);
  if (position === -1) {
    throw new LiftscopeError({ code: 'not-found', message: `The capture has no frame "${frame ?? ''}".` });
  }
  const there = own.filter(({ from, to }) => position === undefined || (from <= position && position <= to));
  const [interval] = there.sort((a, b) => b.to - b.from - (a.to - a.from));
  if (interval === undefined) {
    const nameAt = (at: number): string => capture.frames[at]?.name ?? String(at);
    throw new LiftscopeError({
      code: 'not-found',
      message: `Object ${objectId} (${record.name}) has no splats of a place where it stands in frame ${frame ?? ''}.`,
      hint: `It has some of: ${own.map(({ from, to }) => `${nameAt(from)} to ${nameAt(to)}`).join(', ')}.`,
    });
  }
  return { interval, intervals: own.length, path: project.artifacts.path(parseArtifactName(interval.artifact)) };
}

function unknownObject(id: number, objects: readonly ObjectRecord[]): never {
  const some = objects.slice(0, 20).map((object) => `${object.id} (${object.name})`);
  throw new LiftscopeError({
    code: 'not-found',
    message: `The capture has no object ${id}.`,
    hint:
      some.length === 0
        ? 'Make objects with: liftscope track DIR'
        : `Known: ${some.join(', ')}${objects.length > some.length ? ', …' : ''}.`,
  });
}
