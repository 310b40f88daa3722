import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { main } from '../cli/index.ts';
import { openProject } from '../project/index.ts';
import { sampleCapture } from '../project/samples.ts';
import { MasksFile } from './masks-file.ts';
import { idPng } from './testing.ts';

const root = mkdtempSync(join(tmpdir(), 'liftscope-project-masks-'));
const dir = join(root, 'p.liftscope');
const masksFolder = join(root, 'masks');
afterAll(() => rmSync(root, { recursive: true }));

beforeAll(async () => {
  using project = await openProject(dir, { create: true });
  project.captures.add(sampleCapture(), undefined, { scale: 1, holdout: null });
  mkdirSync(masksFolder);
  // One frame's mask at half its size, one stranger; the other frame has none.
  writeFileSync(join(masksFolder, '0.png'), idPng(16, 12, Array.from({ length: 192 }, (_, i) => (i < 64 ? 3 : i < 128 ? 9 : 0)))); // biome-ignore format: one line
  writeFileSync(join(masksFolder, 'stranger.png'), idPng(16, 12, new Array(192).fill(1)));
});

async function run(...argv: string[]) {
  const written = { stdout: '', stderr: '' };
  const sink = (name: keyof typeof written) => ({
    write: (text: string): void => {
      written[name] += text;
    },
  });
  const code = await main(argv, { stdout: sink('stdout'), stderr: sink('stderr') });
  return { code, ...written };
}

describe('masks', () => {
  test('import, list, export: everything that was not used is named', async () => {
    const imported = await run('masks', 'import', dir, masksFolder, '--name', 'mine', '--human', '--json');
    expect(imported).toMatchObject({ code: 0 });
    const document = JSON.parse(imported.stdout);
    expect(document).toMatchObject({
      frames: 1,
      segments: 2,
      framesWithoutMasks: { names: ['1.png'], count: 1 },
      masksWithoutFrames: { names: ['stranger.png'], count: 1 },
      noteCounts: { resized: 1, 'mask-without-frame': 1 },
      set: { name: 'mine', consistentIds: false, provenance: { kind: 'human' } },
    });
    const plain = await run('masks', 'list', dir);
    expect(plain.stdout).toMatch(/mine +1 frames +ids by frame +human +import of masks/);

    using project = await openProject(dir);
    const row = project.maskSets.get(project.captures.current().id, 'mine')!;
    await using file = await MasksFile.open(project.artifacts.path(row.artifact));
    expect((await file.frame('0.png'))!.segments.map(({ id }) => id)).toEqual([3, 9]);

    const out = join(root, 'out.json');
    const exported = await run('masks', 'export', dir, '--format', 'coco-instances', '--out', out);
    expect(exported.stdout).toMatch(/Wrote 2 segments of 1 frames as coco-instances/);
    const again = await run('masks', 'import', dir, out, '--name', 'again', '--json');
    expect(JSON.parse(again.stdout)).toMatchObject({ format: 'coco-instances', frames: 1, segments: 2, notes: [] });
  });

  test("a job's masks do not replace a person's; masks of other photos are refused with names on both sides", async () => {
    expect(await run('masks', 'import', dir, masksFolder, '--name', 'mine')).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/made by a person/),
    });
    const strangers = join(root, 'strangers');
    mkdirSync(strangers);
    writeFileSync(join(strangers, 'cat.png'), idPng(2, 2, [1, 1, 1, 1]));
    const refused = await run('masks', 'import', dir, strangers);
    expect(refused.code).toBe(3);
    expect(refused.stderr).toMatch(/none of its masks could be used for the 2 frames/);
    expect(refused.stderr).toMatch(/like 0\.png, 1\.png; these are called cat\.png/);
  });

  test('wrong usage ends with exit code 2 and says what to do', async () => {
    for (const argv of [
      ['masks'],
      ['masks', 'import', dir],
      ['masks', 'import', dir, masksFolder, '--format', 'gif'],
      ['masks', 'import', dir, masksFolder, '--name', '../x'],
      ['masks', 'export', dir, '--out', 'x'],
      ['segment', dir, '--method', 'magic'],
      ['segment', dir, '--set', 'minArea=2'],
    ]) {
      const { code } = await run(...argv);
      expect([argv.join(' '), code === 2 || (argv[0] === 'segment' && code === 3)]).toEqual([argv.join(' '), true]);
    }
    expect((await run('masks', 'export', dir, '--format', 'id-png', '--out', 'x', '--name', 'nope')).code).toBe(3);
    expect((await run('segment', '--help')).stdout).toMatch(/minStability=0\.95/);
  });
});
