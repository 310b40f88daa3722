/** What helps a person to correct tracks: merges that may be right, where objects were, masks that nothing segmented, the effort. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import {
  OBSERVATION_FLAGS,
  type ObjectOutline,
  type ObservationRecord,
  type TrackEffort,
  type TrackSuggestion,
  type TrackTrail,
} from '../../contract/index.ts';
import { MasksFile } from '../masks/index.ts';
import { type Project, parseArtifactName } from '../project/index.ts';

/** Where each mask of a run is: artifacts of float64 [N * 4], mask id and world point; newest first. */
export const placesKey = (captureId: number): string => `tracks.places.${captureId}`;
export const placesSchema = z.array(z.object({ artifact: z.string() }));
/** Pairs of tracks whose objects may be one, and what joining them would have cost. */
export const joinsKey = (captureId: number): string => `tracks.joins.${captureId}`;
const joinsSchema = z.array(z.tuple([z.int(), z.int(), z.number()]));

const MAX_SUGGESTIONS = 100;
/** A pause that is longer is no work. */
const MAX_PAUSE_MS = 30_000;
const MAX_STEPS = 100_000;

const isSeen = ({ maskId, state, flags }: ObservationRecord): boolean =>
  maskId !== null && state === 'visible' && (flags & OBSERVATION_FLAGS.carried) === 0;

/** Objects are never seen twice in one frame: pairs that are seen together are left out, and so are locked ones. */
export function suggestedMerges(project: Project, captureId: number): TrackSuggestion[] {
  const joins = project.settings.get(joinsKey(captureId), joinsSchema) ?? [];
  if (joins.length === 0) return [];
  const objectOf = new Map(project.tracks.list(captureId).map(({ id, objectId }) => [id, objectId]));
  const free = new Set(project.objects.list(captureId).flatMap(({ id, locked }) => (locked ? [] : id)));
  const seenFrames = new Map<number, Set<number>>();
  const framesOf = (objectId: number): Set<number> => {
    let frames = seenFrames.get(objectId);
    if (frames === undefined) {
      frames = new Set(
        project.observations
          .ofObject(objectId)
          .filter(isSeen)
          .map(({ position }) => position),
      );
      seenFrames.set(objectId, frames);
    }
    return frames;
  };
  const known = new Set<string>();
  const suggestions: TrackSuggestion[] = [];
  for (const [a, b, cost] of joins) {
    const [first, second] = [objectOf.get(a), objectOf.get(b)];
    if (first === undefined || second === undefined || first === null || second === null || first === second) continue;
    if (!free.has(first) || !free.has(second)) continue;
    const key = first < second ? `${first} ${second}` : `${second} ${first}`;
    if (known.has(key)) continue;
    known.add(key);
    const [one, other] = [framesOf(first), framesOf(second)];
    if (one.size === 0 || other.size === 0 || [...one].some((position) => other.has(position))) continue;
    // The one that has been seen more often keeps its name.
    const [into, from] = one.size >= other.size ? [first, second] : [second, first];
    suggestions.push({ into, from, cost });
    if (suggestions.length === MAX_SUGGESTIONS) break;
  }
  return suggestions;
}

/** Reads the places of masks once per run. */
export class TrackPlaces {
  readonly #project: Project;
  readonly #files = new Map<string, Promise<Map<number, readonly [number, number, number]>>>();

  constructor(project: Project) {
    this.#project = project;
  }

  /** Objects without a place have an empty trail. */
  async trails(captureId: number, ids: readonly number[]): Promise<TrackTrail[]> {
    const names = (this.#project.settings.get(placesKey(captureId), placesSchema) ?? []).map(
      ({ artifact }) => artifact,
    );
    for (const known of this.#files.keys()) if (!names.includes(known)) this.#files.delete(known);
    const files = await Promise.all(names.map((name) => this.#file(name)));
    return ids.map((objectId) => {
      const positions: number[] = [];
      const points: number[] = [];
      for (const { maskId, position } of this.#project.observations.ofObject(objectId)) {
        const place = maskId === null ? undefined : files.find((file) => file.has(maskId))?.get(maskId);
        if (place === undefined || positions.at(-1) === position) continue;
        positions.push(position);
        points.push(...place);
      }
      return { objectId, positions, points };
    });
  }

  #file(name: string): Promise<Map<number, readonly [number, number, number]>> {
    let file = this.#files.get(name);
    if (file === undefined) {
      file = readPlaces(this.#project.artifacts.path(parseArtifactName(name)));
      this.#files.set(name, file);
      file.catch(() => this.#files.delete(name));
    }
    return file;
  }
}

async function readPlaces(path: string): Promise<Map<number, readonly [number, number, number]>> {
  const bytes = await readFile(path);
  const values = new Float64Array(
    bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length - (bytes.length % 32)),
  );
  const places = new Map<number, readonly [number, number, number]>();
  for (let i = 0; i < values.length; i += 4) places.set(values[i]!, [values[i + 1]!, values[i + 2]!, values[i + 3]!]);
  return places;
}

/** Carried masks that wait for a person, of the objects asked for. */
export async function carriedOutlines(
  project: Project,
  captureId: number,
  position: number,
  ids: readonly number[],
): Promise<ObjectOutline[]> {
  const wanted = new Set(ids);
  const outlines: ObjectOutline[] = [];
  for (const { trackId, maskId, flags } of project.observations.ofFrame(captureId, position)) {
    if (maskId === null || (flags & OBSERVATION_FLAGS.carried) === 0) continue;
    const objectId = project.tracks.get(trackId)?.objectId ?? null;
    const mask = project.masks.get(maskId);
    if (objectId === null || !wanted.has(objectId) || mask === undefined) continue;
    const { width, height } = mask;
    const rle = mask.rle ?? (await readFile(project.artifacts.path(parseArtifactName(mask.artifact ?? '')), 'utf8'));
    outlines.push({ objectId, kind: 'carried', width, height, rle });
  }
  return outlines;
}

/** Name of the mask set that holds whole silhouettes, hidden parts included, under the ids of the objects. */
export const AMODAL_MASKS = 'amodal';

/** Whole silhouettes of the objects asked for, where there are any. @throws LiftscopeError when the masks are damaged */
export async function amodalOutlines(
  project: Project,
  captureId: number,
  position: number,
  ids: readonly number[],
): Promise<ObjectOutline[]> {
  const set = project.maskSets.get(captureId, AMODAL_MASKS);
  const name = project.captures.frame(captureId, position)?.name;
  if (set === undefined || name === undefined) return [];
  await using file = await MasksFile.open(project.artifacts.path(set.artifact));
  const masks = await file.frame(name);
  if (masks === undefined) return [];
  const { width, height } = masks;
  return masks.segments
    .filter(({ id }) => ids.includes(id))
    .map(({ id, rle }): ObjectOutline => ({ objectId: id, kind: 'amodal', width, height, rle }));
}

/** Every step that stands is a correction; time runs between steps, undone ones too, up to a pause. */
export function effortOf(project: Project): TrackEffort {
  const steps = project.edits.history(MAX_STEPS);
  let ms = 0;
  // Newest first.
  steps.forEach(({ at }, i) => {
    const before = steps[i + 1]?.at;
    ms += before === undefined ? MAX_PAUSE_MS : Math.min(MAX_PAUSE_MS, Math.max(0, at - before));
  });
  return { corrections: steps.filter(({ undone }) => !undone).length, seconds: ms / 1000 };
}
