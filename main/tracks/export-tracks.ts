/** Tracks of a project in the formats of others, and in our own JSON. */
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { boundsOfCounts, countsOfSegment } from '../../contract/index.ts';
import { writeAtomically } from '../capture/index.ts';
import { exportMasks } from '../masks/index.ts';
import type { Project } from '../project/index.ts';
import { writeEpicFields } from './epic-fields.ts';
import { writeMot } from './mot.ts';
import { TrackOccluders } from './occluders.ts';
import { maskSetOf, masksOfTracks, type ProjectTracks, tracksOfProject } from './project-tracks.ts';
import { writeVisor } from './visor.ts';

export const trackExportFormats = ['mot', 'mots', 'visor', 'json'] as const;
export type TrackExportFormat = (typeof trackExportFormats)[number];

export interface ExportTracksOptions {
  readonly format: TrackExportFormat;
  /** A file; for VISOR a folder, which gets `visor.json` and the cameras as `epic-fields.json`. */
  readonly outputPath: string;
  readonly signal?: AbortSignal | undefined;
}

export interface TrackExportReport {
  readonly format: TrackExportFormat;
  readonly outputPath: string;
  readonly frames: number;
  readonly segments: number;
}

/**
 * Ids are those of the objects, corrections of a person included. MOT, MOTS and VISOR hold what is segmented; JSON all four states.
 * @throws LiftscopeError, the signal's reason
 */
export async function exportProjectTracks(
  project: Project,
  { format, outputPath, signal }: ExportTracksOptions,
): Promise<TrackExportReport> {
  const tracks = tracksOfProject(project);
  const masks = masksOfTracks(tracks, signal);
  await mkdir(format === 'visor' ? outputPath : dirname(outputPath), { recursive: true });
  switch (format) {
    case 'mot': {
      const { frames, boxes } = await writeMot(outputPath, masks);
      return { format, outputPath, frames, segments: boxes };
    }
    case 'mots': {
      const set = maskSetOf(tracks, 'tracks');
      const { frames, segments } = await exportMasks(set, masks, { format: 'mots-txt', outputPath, signal });
      return { format, outputPath, frames, segments };
    }
    case 'visor': {
      const { capture, pointsArtifact } = project.captures.current();
      const points = pointsArtifact === undefined ? undefined : project.artifacts.path(pointsArtifact);
      const names = new Map(tracks.objects.map((object) => [object.id, object.name]));
      const { classes } = tracks;
      const written = await writeVisor(join(outputPath, 'visor.json'), masks, {
        ...{ video: capture.name, classes },
        nameOf: (id) => names.get(id),
      });
      await writeEpicFields(join(outputPath, 'epic-fields.json'), capture, points);
      return { format, outputPath, ...written };
    }
    case 'json':
      return { format, outputPath, ...(await writeJson(outputPath, project, tracks, signal)) };
    default:
      return format satisfies never;
  }
}

/**
 * `{format, version, objects, frames: [{name, observations: [{object, track, sourceId, state, occludedBy, idSwitch, ambiguous,
 * provenance, box, size, rle}]}]}`;
 * occludedBy is an object, null for something that is none, and absent where nothing is known; box is [left, top, right, bottom],
 * size [height, width], rle COCO's compressed code along the rows.
 */
async function writeJson(
  path: string,
  project: Project,
  tracks: ProjectTracks,
  signal: AbortSignal | undefined,
): Promise<{ frames: number; segments: number }> {
  let [frames, segments] = [0, 0];
  const objects = tracks.objects.map(({ id, name, className, provenance, locked }) => {
    return { id, name, class: className, provenance, locked };
  });
  await writeAtomically(path, async (handle) => {
    await handle.writeFile(
      `{"format":"liftscope-tracks-export","version":1,"objects":${JSON.stringify(objects)},\n"frames":[`,
    );
    const files = new TrackOccluders(project);
    for await (const { name, position, sightings } of tracks.frames(signal)) {
      const hidden = sightings.flatMap(({ object, state }) => (state === 'occluded' ? object.id : []));
      const occluders = await files.ofFrame(tracks.captureId, position, hidden);
      const byOf = new Map(occluders.map(({ objectId, by }) => [objectId, by]));
      const observations = sightings.map((sighting) => {
        const { object, trackId, sourceId, state, idSwitch, ambiguous, provenance, rle, width, height } = sighting;
        const box = rle === undefined ? undefined : boundsOfCounts(countsOfSegment({ rle }, width, height), width);
        if (rle !== undefined) segments++;
        return {
          ...{ object: object.id, track: trackId, sourceId, state },
          ...(state === 'occluded' && byOf.has(object.id) && { occludedBy: byOf.get(object.id) }),
          ...{ idSwitch, ambiguous, provenance },
          ...(box && { box: [box.left, box.top, box.right, box.bottom] }),
          ...(rle !== undefined && { size: [height, width], rle }),
        };
      });
      await handle.writeFile(`${frames++ > 0 ? ',' : ''}\n${JSON.stringify({ name, observations })}`);
    }
    await handle.writeFile(']}\n');
  });
  return { frames, segments };
}
