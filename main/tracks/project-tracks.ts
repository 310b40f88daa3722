/** Tracks of a project, person's corrections included, as other programs and our own JSON want them. */
import { readFile } from 'node:fs/promises';
import {
  type FrameMasks,
  LiftscopeError,
  type MaskClass,
  type MaskSetInfo,
  OBSERVATION_FLAGS,
  type ObjectRecord,
  type ObservationState,
  type Provenance,
} from '../../contract/index.ts';
import { type Project, parseArtifactName } from '../project/index.ts';

export interface TrackSighting {
  readonly object: ObjectRecord;
  readonly trackId: number;
  /** What the 2D tracker called it. */
  readonly sourceId: string | null;
  readonly state: ObservationState;
  readonly idSwitch: boolean;
  /** It may be another that looks the same. */
  readonly ambiguous: boolean;
  readonly provenance: Provenance;
  /** Counts along the rows in the compressed code; undefined where nothing is segmented. */
  readonly rle: string | undefined;
  /** Of the mask. */
  readonly width: number;
  readonly height: number;
}

export interface FrameSightings {
  readonly name: string;
  readonly position: number;
  readonly width: number;
  readonly height: number;
  readonly sightings: readonly TrackSighting[];
}

export interface ProjectTracks {
  readonly captureId: number;
  readonly objects: readonly ObjectRecord[];
  /** Classes of the objects, numbered from 1 in alphabetical order. */
  readonly classes: readonly MaskClass[];
  /** Every frame of the capture in its order, one in memory at a time. */
  frames(signal?: AbortSignal): AsyncGenerator<FrameSightings, void>;
}

/** Tracks of no object are left out: nobody has said what they are. @throws LiftscopeError `not-found` without any */
export function tracksOfProject(
  project: Project,
  { id: captureId, capture } = project.captures.current(),
): ProjectTracks {
  const objects = project.objects.list(captureId);
  const byId = new Map(objects.map((object) => [object.id, object]));
  const tracks = new Map(project.tracks.list(captureId).map((track) => [track.id, track]));
  if (tracks.size === 0) {
    throw new LiftscopeError({
      code: 'not-found',
      message: 'The capture has no tracks yet.',
      hint: 'Make some with: liftscope track DIR',
    });
  }
  const names = [...new Set(objects.flatMap(({ className }) => className ?? []))].sort();
  return {
    captureId,
    objects,
    classes: names.map((name, index) => ({ id: index + 1, name, isThing: true })),
    frames: async function* (signal) {
      for (const [position, { name, width, height }] of capture.frames.entries()) {
        signal?.throwIfAborted();
        const masks = new Map(project.masks.ofFrame(captureId, position).map((mask) => [mask.id, mask]));
        const sightings: TrackSighting[] = [];
        for (const observation of project.observations.ofFrame(captureId, position)) {
          const track = tracks.get(observation.trackId);
          const object = byId.get(track?.objectId ?? -1);
          if (track === undefined || object === undefined) continue;
          // A carried mask is a proposal: nobody has accepted it.
          const proposed = (observation.flags & OBSERVATION_FLAGS.carried) !== 0;
          const mask = observation.maskId === null || proposed ? undefined : masks.get(observation.maskId);
          const rle =
            mask === undefined
              ? undefined
              : (mask.rle ?? (await readFile(project.artifacts.path(parseArtifactName(mask.artifact ?? '')), 'utf8')));
          sightings.push({
            ...{ object, trackId: track.id, sourceId: track.sourceId, state: observation.state, rle },
            idSwitch: (observation.flags & OBSERVATION_FLAGS.idSwitch) !== 0,
            ambiguous: (observation.flags & OBSERVATION_FLAGS.ambiguous) !== 0,
            provenance: observation.provenance,
            width: mask?.width ?? width,
            height: mask?.height ?? height,
          });
        }
        yield { name, position, width, height, sightings };
      }
    },
  };
}

/** The masks of the sightings under the ids of their objects. Masks of another size than their frame's are left out. */
export async function* masksOfTracks(tracks: ProjectTracks, signal?: AbortSignal): AsyncGenerator<FrameMasks, void> {
  const classIds = new Map(tracks.classes.map(({ id, name }) => [name, id]));
  for await (const { name, width, height, sightings } of tracks.frames(signal)) {
    const seen = new Set<number>();
    const segments = sightings.flatMap(({ object, rle, width: wide, height: high }) => {
      // Two tracks of one object in one frame: the first one has it.
      if (rle === undefined || wide !== width || high !== height || seen.has(object.id)) return [];
      seen.add(object.id);
      const classId = object.className === null ? undefined : classIds.get(object.className);
      return [{ id: object.id, ...(classId !== undefined && { classId }), rle }];
    });
    yield { frame: name, width, height, segments };
  }
}

/** What a set of these masks says about itself. */
export function maskSetOf(tracks: ProjectTracks, name: string): MaskSetInfo {
  return {
    name,
    provenance: { kind: 'lifted', source: 'tracks of the project' },
    consistentIds: true,
    classes: [...tracks.classes],
  };
}

/** The tracks as a mask set of the objects' ids. @throws LiftscopeError `not-found` without tracks */
export function trackMasks(
  project: Project,
  signal?: AbortSignal,
): { readonly set: MaskSetInfo; readonly frames: AsyncGenerator<FrameMasks, void> } {
  const tracks = tracksOfProject(project);
  return { set: maskSetOf(tracks, 'tracks'), frames: masksOfTracks(tracks, signal) };
}
