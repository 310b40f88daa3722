/** The thread behind `reads.ts`: its own connection to the project, one task after another. */
import { stat } from 'node:fs/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { LiftscopeError, OBJECT_MASKS, OBSERVATIONS_MAGIC, type ObjectView } from '../../../contract/index.ts';
import { importCapture, importSplatPly } from '../../capture/index.ts';
import { exportSplatPly } from '../../export/index.ts';
import { failureOf } from '../../failures.ts';
import { allObjectMasks, Memberships, objectExtents } from '../../instances/index.ts';
import { exportMasks, MasksFile } from '../../masks/index.ts';
import { type ObjectSpan, openProject, type Project } from '../../project/index.ts';
import { colorOf } from '../colours.ts';
import { maskImage } from './masks.ts';
import type { FrameTable, ReadRequest, ReadTask, ReadTasks, ThreadData } from './tasks.ts';

type Tasks = {
  readonly [K in ReadTask]: (project: Project, input: ReadTasks[K]['input']) => Promise<ReadTasks[K]['output']>;
};

const tasks: Tasks = {
  open: async () => null,
  frames: async (project, { captureId }) => frameTable(project, captureId),
  observations: async (project, { captureId }) => observationsFile(project, captureId),
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
function observationsFile(project: Project, captureId: number): ArrayBuffer {
  const objects = project.objects.list(captureId);
  const columns = project.observations.columns(captureId);
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

/** First and last frames of the objects, which a million observations are read for: until one of those changes. */
let spans: { readonly key: string; readonly byObject: ReadonlyMap<number, ObjectSpan> } | undefined;

async function objectViews(project: Project, captureId: number, observationsRevision: number): Promise<ObjectView[]> {
  // A lift that cannot be read takes no names off the list.
  const extents = await objectExtents(project, captureId).catch(() => new Map<number, never>());
  const key = `${captureId} ${observationsRevision}`;
  if (spans?.key !== key) {
    spans = { key, byObject: new Map(project.objects.spans(captureId).map((span) => [span.objectId, span])) };
  }
  const { byObject } = spans;
  const geometry = new Map(project.objects.geometry(captureId).map((row) => [row.objectId, row]));
  return project.objects.list(captureId).map((object) => {
    const span = byObject.get(object.id);
    const shape = geometry.get(object.id);
    return {
      id: object.id,
      name: object.name,
      className: object.className ?? '',
      color: colorOf(object.colour),
      hidden: object.hidden,
      locked: object.locked,
      provenance: object.provenance,
      frames: span?.frames ?? 0,
      firstFrame: span?.firstFrame ?? null,
      lastFrame: span?.lastFrame ?? null,
      centroid: shape === undefined ? null : [...shape.centroid],
      confidence: shape?.confidence ?? null,
      gaussians: shape?.gaussians ?? null,
      extent: extents.get(object.id) ?? null,
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
