import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openProject } from './project.ts';
import { createSyntheticProject } from './synthetic.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'liftscope-synthetic-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('a synthetic project', () => {
  test('has what was asked for, in every state, and the same for the same seed', async () => {
    const size = { frames: 200, objects: 30, observations: 3000 };
    const made = await createSyntheticProject(join(root, 'a'), { ...size, seed: 7 });
    await createSyntheticProject(join(root, 'b'), { ...size, seed: 7 });
    await createSyntheticProject(join(root, 'c'), { ...size, seed: 8 });
    const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((name) => openProject(join(root, name))));
    const columns = a!.observations.columns(made.captureId);
    expect(columns.object).toHaveLength(3000);
    expect(a!.observations.count()).toBe(3000);
    expect(a!.objects.list(made.captureId)).toHaveLength(30);
    expect(a!.tracks.list(made.captureId)).toHaveLength(made.tracks);
    expect(made.tracks).toBeGreaterThan(60);
    expect(a!.captures.list()[0]).toMatchObject({ frames: 200, holdoutFrames: 25 });
    expect(new Set(columns.object).size).toBe(30);
    expect(new Set(columns.state)).toEqual(new Set([0, 1, 2]));
    expect(new Set(columns.flags)).toEqual(new Set([0, 1]));
    expect(Math.max(...columns.frame)).toBeLessThan(200);
    expect(new Set(columns.frame).size).toBeGreaterThan(150);
    for (let i = 1; i < columns.frame.length; i++) {
      const [before, after] = [i - 1, i].map((row) => columns.object[row]! * 1000 + columns.frame[row]!);
      expect(after!).toBeGreaterThan(before!);
    }
    expect(a!.objects.spans(made.captureId).reduce((sum, { frames }) => sum + frames, 0)).toBe(3000);
    expect(b!.observations.columns(made.captureId)).toEqual(columns);
    expect(c!.observations.columns(made.captureId)).not.toEqual(columns);
    expect(await a!.check()).toMatchObject({ ok: true });
    for (const project of [a, b, c]) project!.close();
  });

  test('cannot have more observations than frames allow, and fills all of them', async () => {
    await expect(createSyntheticProject(join(root, 'a'), { frames: 10, objects: 2, observations: 21 })).rejects.toThrow(
      /cannot have 21/,
    );
    const full = await createSyntheticProject(join(root, 'b'), { frames: 10, objects: 2, observations: 20 });
    expect(full.observations).toBe(20);
  });
});
