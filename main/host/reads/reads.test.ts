import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openProject } from '../../project/index.ts';
import { startHost, writeProject } from '../testing.ts';
import { Reads, runApart } from './reads.ts';

describe('reading thread', () => {
  it('answers in the order of the questions, each failure to its own', async () => {
    await using test = await startHost();
    const { project, captureId } = await writeProject(test.folder);
    const reads = new Reads(project, false);
    const failed = reads.run('frames', { captureId: 99 });
    const frames = reads.run('frames', { captureId });
    await expect(failed).rejects.toMatchObject({ code: 'not-found' });
    expect(await frames).toMatchObject({ ids: ['frame-0', 'frame-1'], holdout: ['0.png'] });
    await reads.close();
    await expect(reads.run('check', {})).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('rejects what waits when the project is closed', async () => {
    await using test = await startHost();
    const { project, captureId } = await writeProject(test.folder);
    const reads = new Reads(project, false);
    const waiting = expect(reads.run('frames', { captureId })).rejects.toMatchObject({ code: 'cancelled' });
    await reads.close();
    await waiting;
  });

  it('says why a project cannot be opened, and makes one when asked to', async () => {
    await using test = await startHost();
    const folder = join(test.folder, 'new.liftscope');
    const missing = new Reads(folder, false);
    await expect(missing.open(false)).rejects.toMatchObject({ code: 'not-found' });
    await missing.close();
    const reads = new Reads(folder, false);
    await reads.open(true);
    await reads.close();
    (await openProject(folder)).close();
  });

  it('ends a task of its own with its signal, and leaves nothing half written', async () => {
    await using test = await startHost();
    const { project } = await writeProject(test.folder);
    const stop = new AbortController();
    const path = join(test.folder, 'copy.liftscope');
    const task = runApart(project, 'backup', { path, withArtifacts: true }, stop.signal);
    stop.abort();
    await expect(task).rejects.toMatchObject({ code: 'cancelled' });
    expect(await readdir(test.folder)).not.toContain('copy.liftscope');
    await expect(runApart(project, 'check', {}, stop.signal)).rejects.toThrow();
    expect(await runApart(project, 'check', {}, new AbortController().signal)).toMatchObject({ ok: true });
  });
});
