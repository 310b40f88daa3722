/** What commands do when it takes more than one line. Every failure ends as a toast. */
import type { Studio } from '../state/index.ts';

/** Name of a path's last part, for messages. */
function nameOf(path: string): string {
  return (
    path
      .replace(/[\\/]+$/, '')
      .split(/[\\/]/)
      .at(-1) ?? path
  );
}

export async function createProject(studio: Studio): Promise<void> {
  const path = await studio.choosePath({
    title: 'New project',
    action: 'Create project',
    choose: 'new-folder',
    suggestedName: 'untitled.liftscope',
  });
  if (path === null) return;
  const folder = path.endsWith('.liftscope') ? path : `${path}.liftscope`;
  await studio.attempt(() => studio.transport.call('project.create', { folder }));
}

export async function openProject(studio: Studio, folder?: string): Promise<void> {
  const chosen =
    folder ??
    (await studio.choosePath({
      title: 'Open project',
      action: 'Open project',
      choose: 'folder',
      kinds: ['project'],
    }));
  if (chosen === null) return;
  await studio.attempt(() => studio.transport.call('project.open', { folder: chosen }));
}

/** `file`: a transforms.json or EPIC-Fields JSON, which a native dialog for folders would not show. */
export async function importCapture(studio: Studio, choose: 'folder' | 'file' = 'folder'): Promise<void> {
  const path = await studio.choosePath({
    title: 'Import a capture',
    action: 'Look at it',
    choose,
    kinds: choose === 'file' ? ['file'] : ['capture', 'folder', 'file'],
    extensions: ['json'],
  });
  if (path !== null) studio.openDialog({ kind: 'import', path });
}

export async function importSplats(studio: Studio): Promise<void> {
  const path = await studio.choosePath({
    title: 'Open splats',
    action: 'Open',
    choose: 'file',
    kinds: ['splats'],
    extensions: ['ply'],
  });
  if (path === null) return;
  await studio.attempt(() => studio.transport.call('splats.import', { path }));
}

export async function exportSplats(studio: Studio): Promise<void> {
  const { project } = studio.session.getState();
  if (project === null || project.currentSplatsId === null) return;
  const splatsId = project.currentSplatsId;
  const path = await studio.choosePath({
    title: 'Export splats',
    action: 'Export',
    choose: 'save',
    suggestedName: `${project.name}.ply`,
    extensions: ['ply'],
  });
  if (path === null) return;
  const written = await studio.attempt(() => studio.transport.call('splats.export', { splatsId, path }));
  if (written !== undefined) studio.toast('success', `Wrote ${nameOf(written.path)}.`);
}

export async function backupProject(studio: Studio): Promise<void> {
  const { project } = studio.session.getState();
  if (project === null) return;
  const path = await studio.choosePath({
    title: 'Back up project',
    action: 'Back up',
    choose: 'new-folder',
    suggestedName: `${project.name}-backup.liftscope`,
  });
  if (path === null) return;
  const written = await studio.attempt(() => studio.transport.call('project.backup', { path }));
  if (written !== undefined) studio.toast('success', `Backed up to ${nameOf(written.path)}.`);
}

export async function checkProject(studio: Studio): Promise<void> {
  const result = await studio.attempt(() => studio.transport.call('project.check', {}));
  if (result === undefined) return;
  if (result.ok) studio.toast('success', `The project is whole: ${result.checkedArtifacts} stored files checked.`);
  else
    studio.toast('error', `The project has ${result.problems.length} problems.`, result.problems.slice(0, 3).join(' '));
}

export async function walkHistory(studio: Studio, direction: 'undo' | 'redo'): Promise<void> {
  const entry = studio.session.getState().project?.[direction];
  const result = await studio.attempt(() => studio.transport.call(`edits.${direction}`, {}));
  if (result === undefined || entry === null || entry === undefined) return;
  studio.toast('info', `${direction === 'undo' ? 'Undid' : 'Redid'}: ${entry.label}`);
}

/** The worst frame by PSNR, or from the current one the next better (1) or next worse (-1). */
export function stepByError(studio: Studio, direction: 1 | -1 | 'worst'): void {
  const { frames, metrics } = studio.records.getState();
  if (frames.status !== 'ready' || metrics.status !== 'ready') return;
  const indexOf = new Map(frames.value.names.map((name, index) => [name, index]));
  const order = metrics.value.frames
    .filter(({ name }) => indexOf.has(name))
    .sort((a, b) => a.psnr - b.psnr)
    .map(({ name }) => indexOf.get(name) as number);
  if (order.length === 0) return;
  const at = order.indexOf(studio.selection.getState().frame);
  const next = at < 0 || direction === 'worst' ? 0 : (at + direction + order.length) % order.length;
  studio.goToFrame(order[next] as number);
}

/** Whole silhouettes of the selected objects; without a selection of all that are occluded somewhere. A job of the queue. */
export function makeAmodalMasks(studio: Studio): void {
  const captureId = studio.session.getState().project?.currentCaptureId ?? null;
  if (captureId === null) return;
  const objects = [...studio.selection.getState().objects];
  const spec = { kind: 'amodal-masks' as const, captureId, ...(objects.length > 0 && { objects }) };
  void studio.attempt(() => studio.transport.call('jobs.start', { spec }));
  studio.showPanel('jobs');
}

/** Quality of the current model on the held-out frames: a job of the queue. */
export function evaluateModel(studio: Studio): void {
  const splatsId = studio.session.getState().project?.currentSplatsId ?? null;
  if (splatsId === null) return;
  void studio.attempt(() => studio.transport.call('jobs.start', { spec: { kind: 'evaluate-splats', splatsId } }));
  studio.showPanel('jobs');
}
