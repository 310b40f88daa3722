/** What stands in front of an object where it is occluded. Kept by tracks, so that it follows every correction. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { ObjectOccluder } from '../../contract/index.ts';
import { type Project, parseArtifactName } from '../project/index.ts';

/** Artifacts of int32 [N * 3] a run: track, position, track in front of it (0 for something that is no object); newest first. */
const occludersKey = (captureId: number): string => `tracks.occluders.${captureId}`;
const occludersSchema = z.array(z.object({ artifact: z.string() }));
/** Tracks that a person keeps may be of an earlier run. */
const KEPT_RUNS = 5;

/** @param triples int32 [N * 3] */
export async function keepOccluders(project: Project, captureId: number, triples: readonly number[]): Promise<void> {
  if (triples.length === 0) return;
  const artifact = await project.artifacts.put(new Uint8Array(Int32Array.from(triples).buffer), 'occluders');
  const before = project.settings.get(occludersKey(captureId), occludersSchema) ?? [];
  project.settings.set(occludersKey(captureId), [{ artifact }, ...before].slice(0, KEPT_RUNS));
}

type FramesOfTrack = Map<number, Map<number, number>>;

/** Reads the file of a run once. */
export class TrackOccluders {
  readonly #project: Project;
  readonly #files = new Map<string, Promise<FramesOfTrack>>();

  constructor(project: Project) {
    this.#project = project;
  }

  /** Of the objects that are occluded in the frame, and whose tracks say by what. */
  async ofFrame(captureId: number, position: number, ids: readonly number[]): Promise<ObjectOccluder[]> {
    const names = (this.#project.settings.get(occludersKey(captureId), occludersSchema) ?? []).map(
      ({ artifact }) => artifact,
    );
    for (const known of this.#files.keys()) if (!names.includes(known)) this.#files.delete(known);
    const files = await Promise.all(names.map((name) => this.#file(name)));
    const wanted = new Set(ids);
    const objectOf = (track: number): number | null => this.#project.tracks.get(track)?.objectId ?? null;
    return this.#project.observations.ofFrame(captureId, position).flatMap(({ trackId, state }) => {
      const objectId = state === 'occluded' ? objectOf(trackId) : null;
      const front = files
        .find((file) => file.has(trackId))
        ?.get(trackId)
        ?.get(position);
      if (objectId === null || !wanted.has(objectId) || front === undefined) return [];
      const by = front === 0 ? null : objectOf(front);
      // Merged with what stood in front of it: then nothing is known.
      return by === objectId ? [] : [{ objectId, by }];
    });
  }

  #file(name: string): Promise<FramesOfTrack> {
    let file = this.#files.get(name);
    if (file === undefined) {
      file = read(this.#project.artifacts.path(parseArtifactName(name)));
      this.#files.set(name, file);
      file.catch(() => this.#files.delete(name));
    }
    return file;
  }
}

async function read(path: string): Promise<FramesOfTrack> {
  const bytes = await readFile(path);
  const values = new Int32Array(
    bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length - (bytes.length % 12)),
  );
  const tracks: FramesOfTrack = new Map();
  for (let i = 0; i < values.length; i += 3) {
    const frames = tracks.get(values[i]!) ?? new Map<number, number>();
    tracks.set(values[i]!, frames.set(values[i + 1]!, values[i + 2]!));
  }
  return tracks;
}
