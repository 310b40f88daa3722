import { stat } from 'node:fs/promises';
import { LiftscopeError } from '../../../contract/index.ts';
import type { MaskExportReport } from '../../masks/index.ts';
import { parseArtifactName } from '../../project/index.ts';
import { type HostContext, sessionOf } from '../context.ts';
import { objectLook } from '../object-looks.ts';
import { runApart } from '../reads/index.ts';
import { freeCameraView } from '../views.ts';
import { type HandlersOf, JsonText } from './types.ts';

export function captureProcedures(host: HostContext): HandlersOf<'capture' | 'splats' | 'view' | 'masks'> {
  const { confinement } = host;
  return {
    'capture.preview': async ({ path }) => {
      const real = await confinement.existing(path);
      const info = await stat(real);
      if (!info.isFile() && !info.isDirectory()) {
        throw new LiftscopeError({ code: 'bad-input', message: `${path} is neither a folder nor a file.` });
      }
      return new JsonText(await host.previews.read(real));
    },
    'capture.relinkCheck': async ({ captureId, folder }, signal) => {
      const session = sessionOf(host);
      session.requireCapture(captureId);
      const real = await confinement.existing(folder);
      return runApart(session.project.folder, 'relinkCheck', { captureId, folder: real }, signal);
    },
    'capture.relink': async ({ captureId, folder, allowPartial }) => {
      const session = sessionOf(host);
      session.requireCapture(captureId);
      await session.project.relink.accept(captureId, await confinement.existing(folder), { allowPartial });
      return { project: session.relinked(captureId) };
    },
    'capture.frames': async ({ captureId }) => new JsonText((await sessionOf(host).frameTable(captureId)).json),
    'splats.metrics': ({ splatsId }) => sessionOf(host).metrics(splatsId),
    'splats.import': async ({ path }, signal) => {
      const session = sessionOf(host);
      const real = await confinement.existing(path);
      const { project } = session;
      const { artifact, gaussians, shDegree } = await runApart(project.folder, 'importSplats', { path: real }, signal);
      const row = project.splats.add({
        // A model of its own may still be of the capture that is open: its cameras are what looks at it.
        captureId: session.selection().captureId,
        jobId: null,
        artifact: parseArtifactName(artifact),
        gaussians,
        shDegree,
      });
      session.select({ splatsId: row.id });
      return { project: session.state() };
    },
    'splats.export': async ({ splatsId, path, withObjects }, signal) => {
      const session = sessionOf(host);
      const splatsPath = session.project.artifacts.path(session.splats(splatsId).artifact);
      const target = await confinement.writable(path);
      const { bytes } = await runApart(
        session.project.folder,
        'exportSplats',
        { splatsPath, path: target, ...(withObjects && { objectsOf: splatsId }) },
        signal,
      );
      return { path: target, bytes };
    },
    'view.pick': async ({ splatsId, x, y, objects, ...camera }, signal) => {
      const session = sessionOf(host);
      const row = session.splats(splatsId);
      const splatsPath = session.project.artifacts.path(row.artifact);
      const look = objects && (await objectLook(host.memberships, session, row, objects));
      const picked = await host.views.pick(
        { splatsPath, view: freeCameraView(camera), x, y, ...(look !== undefined && { objects: look }) },
        { signal },
      );
      if (picked === null) return null;
      const { gaussian, position, depth, alpha } = picked;
      const objectId = (await session.memberships.of(splatsId))?.ids[gaussian] ?? 0;
      return { gaussian, position, depth, alpha, objectId: objectId === 0 ? null : objectId };
    },
    'masks.export': async ({ path, ...input }, signal) => {
      const session = sessionOf(host);
      session.requireCapture(input.captureId);
      const target = await confinement.writable(path);
      const report = await runApart(session.project.folder, 'exportMasks', { ...input, path: target }, signal);
      return { path: target, frames: report.frames, segments: report.segments, notes: notesOf(report) };
    },
    'masks.list': ({ captureId }) => {
      const session = sessionOf(host);
      session.requireCapture(captureId);
      return {
        sets: session.project.maskSets.list(captureId).map(({ info, frames }) => ({
          name: info.name,
          provenance: info.provenance.kind,
          source: info.provenance.source,
          frames,
          consistentIds: info.consistentIds,
        })),
      };
    },
  };
}

/** What a format could not hold. */
function notesOf({ overlapPx, hiddenSegments, changedIds, omittedEmptyFrames }: MaskExportReport): string[] {
  const notes: [number, string][] = [
    [overlapPx, 'pixels are in several segments; the smallest one was written.'],
    [hiddenSegments, 'segments are hidden by smaller ones and were left out.'],
    [changedIds, 'segments got another id, because the format cannot hold theirs.'],
    [omittedEmptyFrames, 'frames without segments have no place in the format.'],
  ];
  return notes.flatMap(([count, text]) => (count > 0 ? [`${count} ${text}`] : []));
}
