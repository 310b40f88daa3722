import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openProject, type Project } from './project.ts';
import { sampleCapture, sampleRecords } from './samples.ts';

let root: string;
let project: Project;
let captureId: number;
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'liftscope-backup-'));
  project = await openProject(join(root, 'a.liftscope'), { create: true });
  const photo = await project.artifacts.put(Uint8Array.of(1, 2, 3), 'png');
  captureId = project.captures.add(
    sampleCapture((index) => (index === 0 ? project.artifacts.path(photo) : '/photos/1.png')),
    undefined,
    {},
  );
  project.edits.apply('Add', { added: sampleRecords(captureId), updated: [], removed: [] });
});
afterEach(() => {
  project.close();
  rmSync(root, { recursive: true, force: true });
});

const target = (): string => join(root, 'backup.liftscope');

describe('a backup of an open project', () => {
  test('opens as a project with all it held, history included', async () => {
    const mask = await project.artifacts.put(Uint8Array.of(9, 9), 'rle');
    const [large] = sampleRecords(captureId).filter((record) => record.type === 'mask');
    const id = project.newIds('mask');
    project.edits.apply('Draw', {
      added: [{ ...large!, id, rle: null, artifact: mask }],
      updated: [],
      removed: [],
    });
    // Only the history knows this one now.
    project.edits.undo();
    await project.artifacts.put(Uint8Array.of(7), 'bin');
    const report = await project.backup(target());
    expect(report).toMatchObject({
      path: target(),
      artifacts: { referenced: 2, copied: 2, missing: [], damaged: [] },
    });
    expect(report.bytes).toBeGreaterThan(5);
    // The original goes on, the copy does not follow.
    project.edits.undo();
    expect(readdirSync(root).sort()).toEqual(['a.liftscope', 'backup.liftscope']);
    using copy = await openProject(target());
    expect(copy.objects.list(captureId)).toHaveLength(2);
    expect(project.objects.list(captureId)).toHaveLength(0);
    expect(copy.revision.revision).toBe(4);
    expect(copy.edits.redo()?.diff.added).toMatchObject([{ artifact: mask }]);
    expect(await copy.artifacts.verify(mask)).toBe(true);
    expect(await copy.artifacts.list()).toHaveLength(2);
    expect([...readFileSync(copy.captures.frame(captureId, 0)!.imagePath)]).toEqual([1, 2, 3]);
    expect(await copy.check()).toEqual({ ok: true, problems: [], checkedArtifacts: 2 });
  });

  test('made while edits go on holds a state that once was', async () => {
    const names: string[] = [];
    const edit = (): void => {
      const name = `name ${names.length}`;
      project.edits.applyObjectEdit(captureId, { type: 'update-objects', ids: [1, 2], change: { name } });
      names.push(name);
    };
    edit();
    const timer = setInterval(edit, 1);
    await project.backup(target());
    clearInterval(timer);
    using copy = await openProject(target());
    const [one, two] = copy.objects.list(captureId);
    expect(one?.name).toBe(two?.name);
    expect(names).toContain(one?.name);
    expect(copy.edits.history(1000)).toHaveLength(1 + names.indexOf(one?.name ?? '') + 1);
  });

  test('names artifacts that are missing or damaged, and leaves the damaged out', async () => {
    const [name] = await project.artifacts.list();
    writeFileSync(project.artifacts.path(name!), Uint8Array.of(1, 2, 4));
    expect((await project.backup(target())).artifacts).toEqual({
      referenced: 1,
      copied: 0,
      missing: [],
      damaged: [name],
    });
    using copy = await openProject(target());
    expect(await copy.artifacts.list()).toEqual([]);
    expect((await project.backup(`${target()}2`, { artifacts: false })).artifacts.damaged).toEqual([name]);
    rmSync(project.artifacts.path(name!));
    expect((await project.backup(`${target()}3`)).artifacts.missing).toEqual([name]);
    expect(await project.check()).toMatchObject({
      ok: false,
      problems: [`The file ${name} is missing from the artifacts.`],
    });
  });

  test('replaces nothing and leaves nothing half', async () => {
    writeFileSync(target(), 'mine');
    await expect(project.backup(target())).rejects.toThrow(/exists already/);
    expect(readFileSync(target(), 'utf8')).toBe('mine');
    const stop = AbortSignal.abort(new Error('stop'));
    await expect(project.backup(`${target()}2`, { signal: stop })).rejects.toThrow(/stop/);
    writeFileSync(join(root, 'file'), '');
    await expect(project.backup(join(root, 'file', 'inside'))).rejects.toThrow(/could not be written/);
    expect(readdirSync(root).sort()).toEqual(['a.liftscope', 'backup.liftscope', 'file']);
    expect(existsSync(`${target()}2`)).toBe(false);
  });
});
