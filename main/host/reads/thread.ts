/** The thread behind `reads.ts`: its own connection to the project, one task after another. */
import { stat } from 'node:fs/promises';
import { parentPort, workerData } from 'node:worker_threads';
import {
  LiftscopeError,
  OBJECT_MASKS,
  OBSERVATIONS_MAGIC,
  type ObjectView,
  type ObservationColumns,
} from '../../../contract/index.ts';
import { importCapture, importSplatPly } from '../../capture/index.ts';
import { exportSplatPly } from '../../export/index.ts';
import { failureOf } from '../../failures.ts';
import { allObjectMasks, Memberships, objectExtents, selectionShapes } from '../../instances/index.ts';
import { exportMasks, MasksFile } from '../../masks/index.ts';
import { openProject, type Project } from '../../project/index.ts';
import { colorOf } from '../colours.ts';
import { maskImage } from './masks.ts';
import type { FrameTable, ReadRequest, ReadTask, ReadTasks, ThreadData } from './tasks.ts';

type Tasks = {
  readonly [K in ReadTask]: (project: Project, input: ReadTasks[K]['input']) => Promise<ReadTasks[K]['output']>;
};

const tasks: Tasks = {
  open: async () => null,
  frames: async (project, { captureId }) => frameTable(project, captureId),
  observations: async (project, { captureId, observationsRevision }) =>
    observationsFile(project, captureId, observationsRevision),
  observationCount: async (project) => project.observations.count(),
  objects: async (project, { captureId, observationsRevision }) => ({
    objects: await objectViews(project, captureId, observationsRevision),
    revision: project.revision.revision,
    observationsRevision,
  }),
  masks: (project, { captureId, position, set }) => maskImage(project, captureId, position, set),
  missing: async (project, { captureId }) => {
    const { missing, missingCount } = await project.relink.missing(captureId);
    return { missing, missingCount };
  },
  relinkCheck: async (project, { captureId, folder }) => {
    const fingerprintOf = async (path: string): Promise<string> => (await importCapture(path)).capture.fingerprint;
    const report = await project.relink.check(captureId, folder, { fingerprintOf });
    const { found, missing, missingCount, different, differentCount, complete } = report;
    return { found, missing: [...missing], missingCount, different: [...different], differentCount, complete };
  },
  check: async (project) => {
    const { ok, problems, checkedArtifacts } = await project.check();
    return { ok, problems: [...problems], checkedArtifacts };
  },
  backup: async (project, { path, withArtifacts }) => {
    const report = await project.backup(path, { artifacts: withArtifacts });
    return { path: report.path, bytes: report.bytes };
  },
  importSplats: async (project, { path }) => {
    const temporary = await project.artifacts.temporaryPath('splats');
    const { gaussians, shDegree } = await importSplatPly(path, temporary);
    return { artifact: await project.artifacts.adopt(temporary, 'splats'), gaussians, shDegree };
  },
  exportSplats: async (project, { splatsPath, path, objectsOf }) => {
    const membership = objectsOf === undefined ? undefined : await new Memberships(project).of(objectsOf);
    if (objectsOf !== undefined && membership === undefined) {
      throw new LiftscopeError({
        code: 'bad-input',
        message: 'Nothing has been lifted on this model: its Gaussians are of no objects.',
        hint: 'Lift masks first, or export without objects.',
      });
    }
    await exportSplatPly(splatsPath, path, membership === undefined ? {} : { objectIds: membership.ids });
    return { bytes: (await stat(path)).size };
  },
  exportMasks: async (project, { captureId, set: name, format, path }) => {
    if (name === OBJECT_MASKS) {
      const { set, frames } = await allObjectMasks(project, captureId);
      return exportMasks(set, frames, { format, outputPath: path });
    }
    const row = project.maskSets.get(captureId, name);
    if (row === undefined) throw new LiftscopeError({ code: 'not-found', message: `There are no masks "${name}".` });
    await using file = await MasksFile.open(project.artifacts.path(row.artifact));
    return await exportMasks(file.set, file.frames(), { format, outputPath: path });
  },
};

function frameTable(project: Project, captureId: number): FrameTable {
  const stored = project.captures.get(captureId);
  if (stored === undefined) {
    throw new LiftscopeError({ code: 'not-found', message: `The project has no capture ${captureId}.` });
  }
  const { capture, pointsArtifact = null } = stored;
  const cameras = new Map(capture.cameras.map((camera) => [camera.id, camera.params]));
  const count = capture.frames.length;
  const poses = new Float64Array(count * 7);
  const intrinsics = new Float64Array(count * 6);
  capture.frames.forEach((frame, i) => {
    const { quaternion, translation } = frame.cameraFromWorld;
    poses.set([...quaternion, ...translation], i * 7);
    const params = cameras.get(frame.cameraId);
    if (params === undefined) {
      throw new LiftscopeError({ code: 'damaged-project', message: `Frame ${frame.name} has no camera.` });
    }
    intrinsics.set([frame.width, frame.height, params.fx, params.fy, params.cx, params.cy], i * 6);
  });
  const ids = capture.frames.map((frame) => frame.id);
  const json = JSON.stringify({
    captureId,
    ids,
    names: capture.frames.map((frame) => frame.name),
    poses: [...poses],
    intrinsics: [...intrinsics],
    holdout: capture.frames.map((frame) => (frame.role === 'holdout' ? 1 : 0)),
    timestampsSeconds: capture.frames.map((frame) => frame.timestampSeconds ?? null),
  });
  const holdout = capture.frames.filter((frame) => frame.role === 'holdout').map((frame) => frame.name);
  return { json, ids, holdout, pointsArtifact, poses, intrinsics };
}

/** See `OBSERVATIONS_MAGIC`. */
function observationsFile(project: Project, captureId: number, observationsRevision: number): ArrayBuffer {
  const objects = project.objects.list(captureId);
  const columns = columnsOf(project, captureId, observationsRevision);
  const count = columns.object.length;
  const headBytes = OBSERVATIONS_MAGIC.length + 8;
  const bytes = new ArrayBuffer(headBytes + 4 * objects.length + 11 * count);
  const view = new DataView(bytes);
  new Uint8Array(bytes).set(new TextEncoder().encode(OBSERVATIONS_MAGIC));
  view.setUint32(OBSERVATIONS_MAGIC.length, count, true);
  view.setUint32(OBSERVATIONS_MAGIC.length + 4, objects.length, true);
  // The magic and both counts are 16 bytes: every 32-bit column stays aligned. All machines we run on are little endian.
  new Uint32Array(bytes, headBytes, objects.length).set(objects.map((object) => object.id));
  let at = headBytes + 4 * objects.length;
  for (const column of [columns.object, columns.frame]) {
    new Uint32Array(bytes, at, count).set(column);
    at += 4 * count;
  }
  for (const column of [columns.state, columns.disagreement, columns.flags]) {
    new Uint8Array(bytes, at, count).set(column);
    at += count;
  }
  return bytes;
}

/** All observations of a capture, which both the list of objects and the timeline are made of: until one of them changes. */
let known: { readonly key: string; readonly columns: ObservationColumns } | undefined;

function columnsOf(project: Project, captureId: number, observationsRevision: number): ObservationColumns {
  // An object without observations that comes or goes moves the places of the others.
  const key = `${captureId} ${observationsRevision} ${project.objects.list(captureId).map(({ id }) => id)}`;
  if (known?.key !== key) known = { key, columns: project.observations.columns(captureId) };
  return known.columns;
}

/** Frames, first and last of each object, by its place in `objects.list`; zero frames where it was never observed. */
function spansOf({ object, frame }: ObservationColumns): Map<number, { frames: number; first: number; last: number }> {
  const spans = new Map<number, { frames: number; first: number; last: number }>();
  // Sorted by object, then frame; two tracks of one object may share a frame.
  let span: { frames: number; first: number; last: number } | undefined;
  for (let i = 0; i < object.length; i++) {
    const position = frame[i]!;
    if (i === 0 || object[i] !== object[i - 1]) {
      span = { frames: 1, first: position, last: position };
      spans.set(object[i]!, span);
    } else if (span !== undefined && position !== span.last) {
      span.frames += 1;
      span.last = position;
    }
  }
  return spans;
}

async function objectViews(project: Project, captureId: number, observationsRevision: number): Promise<ObjectView[]> {
  // A lift that cannot be read takes no names off the list.
  const extents = await objectExtents(project, captureId).catch(() => new Map<number, never>());
  const selections = selectionShapes(project, captureId);
  const spans = spansOf(columnsOf(project, captureId, observationsRevision));
  const geometry = new Map(project.objects.geometry(captureId).map((row) => [row.objectId, row]));
  return project.objects.list(captureId).map((object, place) => {
    const span = spans.get(place);
    const selected = selections.get(object.id);
    const shape = geometry.get(object.id) ?? (selected && { ...selected, confidence: null });
    return {
      id: object.id,
      name: object.name,
      className: object.className ?? '',
      color: colorOf(object.colour),
      hidden: object.hidden,
      locked: object.locked,
      provenance: object.provenance,
      frames: span?.frames ?? 0,
      firstFrame: span?.first ?? null,
      lastFrame: span?.last ?? null,
      centroid: shape === undefined ? null : [...shape.centroid],
      confidence: shape?.confidence ?? null,
      gaussians: shape?.gaussians ?? null,
      extent: extents.get(object.id) ?? selected?.extent ?? null,
    };
  });
}

let project: Promise<Project> | undefined;

async function run(task: ReadTask, input: unknown): Promise<unknown> {
  const { folder, checked } = workerData as ThreadData;
  const create = task === 'open' && (input as ReadTasks['open']['input']).create;
  project ??= openProject(folder, { checked, create });
  const open = await project;
  // The pair of task and input was typed where it was sent: `Reads.run`.
  return (tasks[task] as (project: Project, input: unknown) => Promise<unknown>)(open, input);
}

let turn: Promise<unknown> = Promise.resolve();
parentPort?.on('message', ({ id, task, input }: ReadRequest) => {
  turn = turn.then(async () => {
    try {
      const output = await run(task, input);
      parentPort?.postMessage({ id, output }, output instanceof ArrayBuffer ? [output] : []);
    } catch (error) {
      parentPort?.postMessage({ id, failure: failureOf(error) });
    }
  });
});
