import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { openProject } from './project.ts';

let root: string;
let folder: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'liftscope-killed-'));
  folder = join(root, 'a.liftscope');
  mkdirSync(folder);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('kill -9', () => {
  test.each([3, 31])(
    'after %i edits: every acknowledged one is there, none half',
    { timeout: 90_000 },
    async (count) => {
      const script = fileURLToPath(new URL('./fixtures/edit-for-ever.ts', import.meta.url));
      const child = spawn(process.execPath, [script, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
      let printed = '';
      const exited = new Promise((resolve) => child.once('exit', resolve));
      child.stdout.on('data', (chunk) => {
        printed += String(chunk);
        if (printed.split('\n').length > count) child.kill('SIGKILL');
      });
      await exited;
      // A line that the kill cut short was not acknowledged.
      const acknowledged = printed
        .split('\n')
        .slice(0, -1)
        .map((line) => stepSchema.parse(JSON.parse(line)));
      const last = acknowledged.at(-1);
      expect(acknowledged.length).toBeGreaterThanOrEqual(count);

      using project = await openProject(folder);
      expect(project.revision.revision).toBeGreaterThanOrEqual(last?.revision ?? Number.NaN);
      if (project.revision.revision === last?.revision) expect(project.objects.count()).toBe(last.objects);
      // Objects per step as the script made them: whatever the history says is done is there, as a whole, and nothing else.
      const steps = project.edits.history(10_000);
      const expected = steps
        .filter(({ undone }) => !undone)
        .reduce((sum, { label }) => sum + 1 + (Number(label.split(' ')[1]) % 7), 0);
      expect(project.objects.count()).toBe(expected);
      expect(expected).toBeGreaterThan(0);
      expect(await project.check()).toMatchObject({ ok: true, problems: [] });
      // The history still works, whatever the kill interrupted.
      const undone = project.edits.undo();
      expect(project.objects.count()).toBe(expected - (undone?.diff.removed.length ?? Number.NaN));
      expect(project.edits.redo()?.step).toEqual({ ...undone!.step, undone: false });
      expect(project.objects.count()).toBe(expected);
    },
  );

  test('in the middle of writing leaves every committed row and only whole artifacts', async () => {
    const script = fileURLToPath(new URL('./fixtures/write-for-ever.ts', import.meta.url));
    const child = spawn(process.execPath, [script, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
    const committed = await untilLines(child, 30);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));

    const project = await openProject(folder);
    const messages = project.jobs.events(1).map((row) => row.event);
    expect(messages.length).toBeGreaterThanOrEqual(committed);
    expect(messages.slice(0, committed)).toEqual(
      Array.from({ length: committed }, (_, index) => ({ type: 'warning', message: `number ${index}` })),
    );
    const names = await project.artifacts.list();
    expect(names.length).toBeGreaterThanOrEqual(committed);
    for (const name of names) expect(await project.artifacts.verify(name)).toBe(true);
    project.close();
    expect(existsSync(join(folder, 'project.sqlite'))).toBe(true);
  });
});

const stepSchema = z.object({ label: z.string(), objects: z.number(), revision: z.number() });

/** Resolves with the number of complete lines once the child has printed `count` of them. */
async function untilLines(child: ChildProcess, count: number): Promise<number> {
  let lines = 0;
  for await (const chunk of child.stdout ?? []) {
    lines += String(chunk).split('\n').length - 1;
    if (lines >= count) break;
  }
  return lines;
}
