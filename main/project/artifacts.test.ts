import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ArtifactStore, parseArtifactName } from './artifacts.ts';

let folder: string;
let store: ArtifactStore;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'liftscope-artifacts-'));
  store = new ArtifactStore(join(folder, 'artifacts'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const contents = fc.uint8Array({ maxLength: 3000 });
const extension = fc.stringMatching(/^[a-z0-9]{1,16}$/);
const temporaries = (): string[] => {
  const tmp = join(store.folder, 'tmp');
  return existsSync(tmp) ? readdirSync(tmp) : [];
};

describe('ArtifactStore', () => {
  test('what goes in by any of the three ways comes out under the hash of its contents', async () => {
    await fc.assert(
      fc.asyncProperty(contents, extension, fc.constantFrom('put', 'putFile', 'adopt'), async (bytes, ext, way) => {
        let name: string;
        if (way === 'put') name = await store.put(bytes, ext);
        else if (way === 'adopt') {
          const temporary = await store.temporaryPath(ext);
          writeFileSync(temporary, bytes);
          name = await store.adopt(temporary, ext);
        } else {
          const source = join(folder, 'source');
          writeFileSync(source, bytes);
          name = await store.putFile(source, ext);
          expect(readFileSync(source)).toEqual(Buffer.from(bytes));
        }
        expect(name).toBe(`${createHash('sha256').update(bytes).digest('hex')}.${ext}`);
        const parsed = parseArtifactName(name);
        expect(new Uint8Array(readFileSync(store.path(parsed)))).toEqual(bytes);
        expect(await store.verify(parsed)).toBe(true);
        expect(temporaries()).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  test('the same contents, put many times at once, are stored once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(contents, { minLength: 1, maxLength: 4 }), async (pool) => {
        const before = new Set(await store.list());
        const names = await Promise.all([...pool, ...pool, ...pool].map((bytes) => store.put(bytes, 'bin')));
        const after = new Set(await store.list());
        expect(after).toEqual(new Set([...before, ...names]));
        expect(new Set(names).size).toBe(new Set(pool.map((bytes) => Buffer.from(bytes).toString('hex'))).size);
        expect(temporaries()).toEqual([]);
      }),
      { numRuns: 25 },
    );
  });

  test('no text that is not a name leads anywhere', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.constantFrom('../../etc/passwd', `${'a'.repeat(64)}.png/..`, `${'A'.repeat(64)}.png`)),
        (text) => {
          expect(() => parseArtifactName(text)).toThrow(/not the name of an artifact/);
        },
      ),
    );
    expect(parseArtifactName(`${'a'.repeat(64)}.png`)).toBe(`${'a'.repeat(64)}.png`);
  });

  test('an extension cannot smuggle a path', async () => {
    await expect(store.put(new Uint8Array(1), '../x')).rejects.toThrow(/extension/);
    await expect(store.temporaryPath('a/b')).rejects.toThrow(/extension/);
  });

  test('verify notices a changed, truncated or missing file', async () => {
    const name = await store.put(Uint8Array.of(1, 2, 3), 'bin');
    writeFileSync(store.path(name), Uint8Array.of(1, 2, 4));
    expect(await store.verify(name)).toBe(false);
    writeFileSync(store.path(name), Uint8Array.of(1, 2));
    expect(await store.verify(name)).toBe(false);
    rmSync(store.path(name));
    expect(await store.verify(name)).toBe(false);
    expect(await store.has(name)).toBe(false);
  });

  test('putting again repairs a file that a crash of the disk has cut short', async () => {
    const name = await store.put(Uint8Array.of(1, 2, 3), 'bin');
    writeFileSync(store.path(name), Uint8Array.of(1));
    expect(await store.put(Uint8Array.of(1, 2, 3), 'bin')).toBe(name);
    expect(await store.verify(name)).toBe(true);
  });

  test('a source that cannot be read leaves nothing behind', async () => {
    await expect(store.putFile(join(folder, 'none'), 'bin')).rejects.toThrow(/ENOENT/);
    expect(temporaries()).toEqual([]);
    expect(await store.list()).toEqual([]);
  });

  test('sweep removes old temporaries and spares young ones and artifacts', async () => {
    const name = await store.put(Uint8Array.of(9), 'bin');
    const [old, young] = [await store.temporaryPath('bin'), await store.temporaryPath('bin')];
    writeFileSync(old, 'old');
    writeFileSync(young, 'young');
    const longAgo = new Date(Date.now() - 48 * 3600 * 1000);
    utimesSync(old, longAgo, longAgo);
    await store.sweep();
    expect(existsSync(old)).toBe(false);
    expect(existsSync(young)).toBe(true);
    expect(await store.verify(name)).toBe(true);
  });
});
