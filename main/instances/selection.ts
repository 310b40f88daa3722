/** A new object of Gaussians that a person selected. */
import {
  LiftscopeError,
  type MaskRecord,
  maxInlineMaskCharacters,
  type ObservationRecord,
  type RecordsDiff,
  type SelectionShape,
  type TrackRecord,
} from '../../contract/index.ts';
import type { EditResult, Project } from '../project/index.ts';
import { selectionKey, selectionTrack } from './membership.ts';

export interface SelectedObject {
  readonly captureId: number;
  readonly splatsId: number;
  readonly name: string;
  /** Empty: none. */
  readonly className: string;
  /** Number of Gaussians, and which, as counts over [N] in COCO's compressed code. */
  readonly gaussians: number;
  readonly rle: string;
  readonly shape: SelectionShape | undefined;
  /** What frames show of it, in their own size. */
  readonly masks: readonly {
    readonly position: number;
    readonly width: number;
    readonly height: number;
    readonly areaPx: number;
    readonly rle: string;
  }[];
}

/** One undoable step. @throws LiftscopeError `bad-input` when nothing is selected */
export async function createFromSelection(
  project: Project,
  selected: SelectedObject,
): Promise<EditResult & { objectId: number }> {
  const { captureId, splatsId, name, className, gaussians, rle, shape } = selected;
  if (gaussians === 0) {
    throw new LiftscopeError({
      code: 'bad-input',
      message: 'The clicks select no Gaussian.',
      hint: 'Lower the threshold or click elsewhere.',
    });
  }
  const objectId = project.newIds('object');
  const trackId = project.newIds('track');
  const track: TrackRecord = {
    ...{ type: 'track', id: trackId, captureId, objectId, sourceId: selectionTrack(splatsId) },
    ...{ locked: false, provenance: 'human' },
  };
  const diff: RecordsDiff = {
    added: [
      {
        ...{ type: 'object', id: objectId, captureId, name, className: className === '' ? null : className },
        ...{ colour: objectId, hidden: false, locked: false, provenance: 'human' },
      },
      track,
      { type: 'setting', key: selectionKey(trackId), value: { gaussians, rle, ...(shape && { shape }) } },
    ],
    updated: [],
    removed: [],
  };
  for (const { areaPx, ...mask } of selected.masks) {
    if (areaPx === 0) continue;
    const record = await maskRecord(project, captureId, mask);
    const observation: ObservationRecord = {
      ...{ type: 'observation', trackId, position: mask.position, state: 'visible', disagreement: null, flags: 0 },
      ...{ maskId: record.id, provenance: 'lifted' },
    };
    diff.added.push(record, observation);
  }
  return { ...project.edits.apply(`Create ${shortened(name)} from clicks`, diff), objectId };
}

async function maskRecord(
  project: Project,
  captureId: number,
  mask: { readonly position: number; readonly width: number; readonly height: number; readonly rle: string },
): Promise<MaskRecord> {
  const inline = mask.rle.length <= maxInlineMaskCharacters;
  return {
    ...{ type: 'mask', id: project.newIds('mask'), captureId, ...mask },
    rle: inline ? mask.rle : null,
    artifact: inline ? null : await project.artifacts.put(new TextEncoder().encode(mask.rle), 'rle'),
    provenance: 'lifted',
  };
}

function shortened(name: string): string {
  const characters = [...name];
  return characters.length <= 60 ? name : `${characters.slice(0, 59).join('')}…`;
}
