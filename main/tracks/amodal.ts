/** What amodal masks are made of, and what is kept of them: objects, what is seen of them, the splats of each. */
import { z } from 'zod';
import { LiftscopeError, type MaskClass, type ObjectRecord } from '../../contract/index.ts';
import { writeMasksFile } from '../masks/index.ts';
import { type Project, parseArtifactName } from '../project/index.ts';
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
}

/**
 * The objects asked for; without any, those that are somewhere occluded. What is seen of all objects, with the corrections of a
 * person, goes to `masksPath`.
 * @throws LiftscopeError `not-found` without tracks, without masks of them, and for unknown ids
 */
export async function prepareAmodal(
  project: Project,
  wanted: readonly number[] | undefined,
  masksPath: string,
  signal?: AbortSignal,
): Promise<AmodalInputs> {
  const tracks = tracksOfProject(project);
  const known = new Map(tracks.objects.map((object) => [object.id, object]));
  for (const id of wanted ?? []) if (!known.has(id)) unknownObject(id, tracks.objects);
  const classIds = new Map(tracks.classes.map(({ id, name }) => [name, id]));
  const chosen = wanted === undefined ? tracks.objects : [...new Set(wanted)].map((id) => known.get(id)!);
  const objects = chosen.flatMap((record): AmodalObject[] => {
    const lane = project.observations.ofObject(record.id);
    if (wanted === undefined && !lane.some(({ state }) => state === 'occluded')) return [];
    return [
      {
        record,
        classId: record.className === null ? undefined : classIds.get(record.className),
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
  return { objects, classes: tracks.classes };
}

/** Takes the place of what an earlier run kept. */
export function keepObjectSplats(project: Project, captureId: number, splats: readonly ObjectSplats[]): void {
  project.settings.set(
    amodalKey(captureId),
    splats.map((one) => ({ ...one })),
  );
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
  const own = (project.settings.get(amodalKey(captureId), storedSchema) ?? []).filter(
    (one) => one.objectId === objectId,
  );
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
