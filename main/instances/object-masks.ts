/** Masks of the objects themselves: instance maps of the newest lift under the objects' ids, and what people drew over them. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import {
  type FrameMasks,
  labelsOfFrame,
  type MaskSetInfo,
  OBJECT_MASKS,
  OBSERVATION_FLAGS,
  segmentsOfLabels,
} from '../../contract/index.ts';
import { MasksFile } from '../masks/index.ts';
import { type FieldRow, type MaskSetRow, type Project, parseArtifactName } from '../project/index.ts';
import { liftsOf, projectObjects } from './membership.ts';
import { LIFTED_MASKS } from './store.ts';

const liftedParametersSchema = z.object({ splats: z.int(), lift: z.int() });

/** The maps of the newest lift, and the object of the project for each id in them; undefined before the first. */
export function liftedMasks(
  project: Project,
  captureId: number,
): { readonly set: MaskSetRow; readonly lift: FieldRow; readonly objects: ReadonlyMap<number, number> } | undefined {
  const set = project.maskSets.get(captureId, LIFTED_MASKS);
  const parameters = liftedParametersSchema.safeParse(set?.info.provenance.parameters).data;
  if (set === undefined || parameters === undefined) return undefined;
  const lift = liftsOf(project, parameters.splats).find(({ id }) => id === parameters.lift);
  const objects = lift && projectObjects(project, lift);
  return lift === undefined || objects === undefined ? undefined : { set, lift, objects };
}

interface SizedFrame {
  readonly name: string;
  readonly width: number;
  readonly height: number;
}

/**
 * Objects in one frame. Where a person's or a tracker's record has a mask of an object, it takes the place of the lifted one.
 * @param lifted what the file of {@link liftedMasks} has for the frame
 */
export async function objectMasks(
  project: Project,
  captureId: number,
  position: number,
  frame: SizedFrame,
  lifted: { readonly masks: FrameMasks; readonly objects: ReadonlyMap<number, number> } | undefined,
): Promise<FrameMasks> {
  const { name, width, height } = frame;
  const masks = new Map(project.masks.ofFrame(captureId, position).map((mask) => [mask.id, mask]));
  const drawn: { id: number; rle: string }[] = [];
  const recorded = new Set<number>();
  for (const { trackId, maskId, flags } of masks.size === 0 ? [] : project.observations.ofFrame(captureId, position)) {
    // A carried mask is a proposal until a person accepts it.
    const proposed = (flags & OBSERVATION_FLAGS.carried) !== 0;
    const mask = maskId === null || proposed ? undefined : masks.get(maskId);
    const objectId = project.tracks.get(trackId)?.objectId ?? null;
    if (mask === undefined || objectId === null || mask.width !== width || mask.height !== height) continue;
    recorded.add(objectId);
    drawn.push({ id: objectId, rle: mask.rle ?? (await textOf(project, mask.artifact ?? '')) });
  }
  const fits = lifted !== undefined && lifted.masks.width === width && lifted.masks.height === height;
  const computed = (fits ? lifted.masks.segments : []).flatMap(({ id, rle }) => {
    const objectId = lifted?.objects.get(id) ?? 0;
    return objectId === 0 || recorded.has(objectId) ? [] : [{ id: objectId, rle }];
  });
  // Through labels: several segments of one object become one, and what is recorded lies over what is computed.
  const { labels } = labelsOfFrame({ width, height, segments: computed });
  if (drawn.length > 0) {
    const over = labelsOfFrame({ width, height, segments: drawn }).labels;
    for (let i = 0; i < labels.length; i++) if (over[i] !== 0) labels[i] = over[i]!;
  }
  return { frame: name, width, height, segments: segmentsOfLabels(labels) };
}

function textOf(project: Project, artifact: string): Promise<string> {
  return readFile(project.artifacts.path(parseArtifactName(artifact)), 'utf8');
}

/** All frames of a capture, with classes from the objects' class names: for the exporters of main/masks. */
export async function allObjectMasks(
  project: Project,
  captureId: number,
): Promise<{ set: MaskSetInfo; frames: AsyncGenerator<FrameMasks, void> }> {
  const objects = project.objects.list(captureId);
  const names = [...new Set(objects.flatMap(({ className }) => className ?? []))].sort();
  const classOf = new Map(
    objects.flatMap(({ id, className }) => (className === null ? [] : [[id, names.indexOf(className) + 1] as const])),
  );
  const set: MaskSetInfo = {
    name: OBJECT_MASKS.replace(/^@/, ''),
    provenance: { kind: 'lifted', source: 'objects of the project' },
    consistentIds: true,
    classes: names.map((name, index) => ({ id: index + 1, name, isThing: true })),
  };
  const lifted = liftedMasks(project, captureId);
  const sizes = project.captures.get(captureId)?.capture.frames ?? [];
  async function* frames(): AsyncGenerator<FrameMasks, void> {
    await using file =
      lifted === undefined ? undefined : await MasksFile.open(project.artifacts.path(lifted.set.artifact));
    for (const [position, frame] of sizes.entries()) {
      const maps = lifted === undefined ? undefined : await file?.frame(frame.name);
      const own = maps === undefined || lifted === undefined ? undefined : { masks: maps, objects: lifted.objects };
      const masks = await objectMasks(project, captureId, position, frame, own);
      yield {
        ...masks,
        segments: masks.segments.map((segment) => {
          const classId = classOf.get(segment.id);
          return classId === undefined ? segment : { ...segment, classId };
        }),
      };
    }
  }
  return { set, frames: frames() };
}
