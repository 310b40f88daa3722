import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type PreparedCapture, preparedCaptureSchema } from '../../contract/index.ts';
import { insideOf, relocated } from './paths.ts';
import { openProject, type Project } from './project.ts';
import { sampleCapture } from './samples.ts';

let root: string;
let project: Project;
let captureId: number;
const photos = (folder: string): string => join(folder, 'images', 'left');

/** `a` and `b` in folder/images/left, a mask beside them. */
function writeCapture(folder: string): void {
  mkdirSync(photos(folder), { recursive: true });
  writeFileSync(join(photos(folder), '0.png'), 'first photo');
  writeFileSync(join(photos(folder), '1.png'), 'second photo, larger');
  mkdirSync(join(folder, 'masks'));
  writeFileSync(join(folder, 'masks', '1.png'), 'mask');
  writeFileSync(join(folder, 'transforms.json'), '{}');
}

function captureIn(folder: string): PreparedCapture {
  const sample = sampleCapture();
  return preparedCaptureSchema.parse({
    ...sample,
    sourcePath: join(folder, 'transforms.json'),
    imagesPath: join(folder, 'images'),
    frames: sample.frames.map((frame, index) => ({
      ...frame,
      name: `left/${index}.png`,
      imagePath: join(photos(folder), `${index}.png`),
      ...(index === 1 && { maskPath: join(folder, 'masks', '1.png') }),
    })),
  });
}

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'liftscope-relink-'));
  writeCapture(join(root, 'old'));
  project = await openProject(join(root, 'a.liftscope'), { create: true });
  captureId = project.captures.add(captureIn(join(root, 'old')), undefined, {});
});
afterEach(() => {
  project.close();
  rmSync(root, { recursive: true, force: true });
});

function paths(): string[] {
  const { capture } = project.captures.get(captureId)!;
  const listed = project.captures.list()[0]!;
  expect([listed.sourcePath, listed.imagesPath]).toEqual([capture.sourcePath, capture.imagesPath]);
  capture.frames.forEach((frame, position) => {
    expect(project.captures.frame(captureId, position)).toEqual(frame);
  });
  return [
    capture.sourcePath,
    capture.imagesPath,
    ...capture.frames.flatMap(({ imagePath, maskPath }) =>
      maskPath === undefined ? [imagePath] : [imagePath, maskPath],
    ),
  ];
}

describe('a capture that has moved', () => {
  test('is missed by name, found again and read from its new place', async () => {
    expect(await project.relink.missing(captureId)).toEqual({ missing: [], missingCount: 0, total: 3 });
    const before = paths();
    mkdirSync(join(root, 'disk'));
    renameSync(join(root, 'old'), join(root, 'disk', 'new'));
    expect(await project.relink.missing(captureId)).toEqual({
      missing: ['left/0.png', 'left/1.png', 'left/1.png (mask)'],
      missingCount: 3,
      total: 3,
    });
    const { revision } = project.revision;
    const report = await project.relink.check(captureId, join(root, 'disk', 'new'));
    expect(report).toMatchObject({ found: 3, missingCount: 0, differentCount: 0, unverified: 1, complete: true });
    expect(report.fingerprint).toBe('not-checked');
    expect(paths()).toEqual(before);
    expect(project.revision.revision).toBe(revision);

    await project.relink.accept(captureId, join(root, 'disk', 'new'));
    expect(project.revision.revision).toBe(revision + 1);
    expect(paths()).toEqual(before.map((path) => path.replace(join(root, 'old'), join(root, 'disk', 'new'))));
    expect((await project.relink.missing(captureId)).missingCount).toBe(0);
    project.close();
    project = await openProject(join(root, 'a.liftscope'));
    expect((await project.relink.missing(captureId)).missingCount).toBe(0);

    // A second move is judged by what import knew, not by the first.
    renameSync(join(root, 'disk', 'new'), join(root, 'newer'));
    await project.relink.accept(captureId, join(root, 'newer'));
    expect(paths()).toEqual(before.map((path) => path.replace(join(root, 'old'), join(root, 'newer'))));
    project.relink.reset(captureId);
    expect(paths()).toEqual(before);
  });

  test.each([
    ['the folder above it', '', 3],
    ['its own folder', 'old', 3],
    ['the folder of its images', 'old/images', 2],
  ])('is found when %s is named', async (_what, folder, found) => {
    mkdirSync(join(root, 'disk'));
    renameSync(join(root, 'old'), join(root, 'disk', 'old'));
    const report = await project.relink.check(captureId, join(root, 'disk', folder));
    expect(report).toMatchObject({ found, missingCount: 3 - found });
  });

  test('that is not whole is named file by file, and nothing is changed unless that is accepted', async () => {
    renameSync(join(root, 'old'), join(root, 'new'));
    rmSync(join(photos(join(root, 'new')), '1.png'));
    writeFileSync(join(photos(join(root, 'new')), '0.png'), 'edited since');
    rmSync(join(root, 'new', 'masks', '1.png'));
    mkdirSync(join(root, 'new', 'masks', '1.png'));
    const before = paths();
    const report = await project.relink.check(captureId, join(root, 'new'));
    expect(report).toMatchObject({
      found: 0,
      missing: ['left/1.png', 'left/1.png (mask)'],
      missingCount: 2,
      different: ['left/0.png'],
      differentCount: 1,
      complete: false,
    });
    await expect(project.relink.accept(captureId, join(root, 'new'), { allowPartial: true })).rejects.toThrow(
      /none of/,
    );
    writeFileSync(join(photos(join(root, 'new')), '1.png'), 'second photo, larger');
    await expect(project.relink.accept(captureId, join(root, 'new'))).rejects.toThrow(
      /1 missing \(left\/1\.png \(mask\)\); 1 of another size \(left\/0\.png\)/,
    );
    expect(paths()).toEqual(before);
    await project.relink.accept(captureId, join(root, 'new'), { allowPartial: true });
    expect(paths()[2]).toBe(join(photos(join(root, 'new')), '0.png'));
    expect((await project.relink.missing(captureId)).missing).toEqual(['left/1.png (mask)']);
  });

  test('with a changed fingerprint is not taken for the same', async () => {
    renameSync(join(root, 'old'), join(root, 'new'));
    const asked: string[] = [];
    const answer = (fingerprint: string) => ({
      fingerprintOf: (path: string) => {
        asked.push(path);
        return Promise.resolve(fingerprint);
      },
    });
    const same = project.captures.list()[0]!.fingerprint;
    const check = (fingerprint: string) => project.relink.check(captureId, join(root, 'new'), answer(fingerprint));
    expect(await check(same)).toMatchObject({ fingerprint: 'same', complete: true });
    expect(await check('sha256:other')).toMatchObject({ fingerprint: 'different', complete: false });
    expect(asked).toEqual(Array(2).fill(join(root, 'new', 'transforms.json')));
    const failing = { fingerprintOf: () => Promise.reject(new Error('unreadable')) };
    await expect(project.relink.accept(captureId, join(root, 'new'), failing)).rejects.toThrow(/cannot be read/);
  });

  test('a wrong folder, an unknown capture and an abort change nothing', async () => {
    const before = paths();
    expect(await project.relink.check(captureId, join(root, 'nowhere'))).toMatchObject({ found: 0, missingCount: 3 });
    await expect(project.relink.accept(captureId, join(root, 'nowhere'))).rejects.toThrow(/none of the 3 files/);
    await expect(project.relink.check(99, root)).rejects.toThrow(/no capture 99/);
    await expect(
      project.relink.accept(captureId, join(root, 'old'), { signal: AbortSignal.abort(new Error('stop')) }),
    ).rejects.toThrow(/stop/);
    expect(paths()).toEqual(before);
  });
});

describe('paths that move', () => {
  test('only what is inside a folder moves with it', () => {
    const part = fc.stringMatching(/^[a-z .]{1,5}$/).filter((text) => text !== '.' && text !== '..');
    const path = fc.array(part, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(path, path, path, (from, rest, to) => {
        const [a, b] = [`/${from.join('/')}`, `/${to.join('/')}`];
        expect(relocated(`${a}/${rest.join('/')}`, a, b)).toBe(`${b}/${rest.join('/')}`);
        expect(relocated(`${a}x/${rest.join('/')}`, a, b)).toBe(`${a}x/${rest.join('/')}`);
        expect(relocated(a, null, null)).toBe(a);
        expect(insideOf(dirname(a), a)).toBeUndefined();
      }),
    );
    expect(relocated('C:\\photos\\a\\1.png', 'C:\\photos', '/disk')).toBe('/disk/a/1.png');
    expect(insideOf('/a\\b/c', '/a')).toBeUndefined();
  });
});
