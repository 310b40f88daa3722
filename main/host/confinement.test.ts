import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Confinement, isInside, isPlainName, plainPath, realInside } from './confinement.ts';

let base = '';
let root = '';
let secret = '';

beforeAll(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), 'liftscope-jail-')));
  root = join(base, 'root');
  secret = join(base, 'secret.txt');
  await mkdir(join(root, 'a', 'b'), { recursive: true });
  await mkdir(join(base, 'rootbeer'));
  await writeFile(secret, 'secret');
  await writeFile(join(root, 'a', 'file.txt'), 'open');
  await symlink(base, join(root, 'out'));
  await symlink(secret, join(root, 'a', 'leak.txt'));
  await symlink('a', join(root, 'inner'));
  await symlink('loop', join(root, 'loop'));
  await symlink(join(base, 'nowhere'), join(root, 'dangling'));
});
afterAll(() => rm(base, { recursive: true, force: true }));

const code = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    (value) => `allowed ${String(value)}`,
    (error: { code?: string }) => error.code ?? String(error),
  );

describe('Confinement', () => {
  it('gives the real path of what lies inside', async () => {
    const jail = new Confinement([root]);
    expect(await jail.existing(root)).toBe(root);
    expect(await jail.existing(join(root, 'inner', 'file.txt'))).toBe(join(root, 'a', 'file.txt'));
    expect(await jail.existing(`${root}/a/b/../file.txt`)).toBe(join(root, 'a', 'file.txt'));
    expect(await code(jail.existing(join(root, 'a', 'none')))).toBe('not-found');
  });

  it('refuses everything outside in the same words, whether it exists or not', async () => {
    const jail = new Confinement([root]);
    const outside = [
      secret,
      join(base, 'does-not-exist'),
      join(root, 'out', 'secret.txt'),
      join(root, 'out', 'nothing', 'deep'),
      join(root, 'a', 'leak.txt'),
      join(root, 'loop'),
      join(root, 'loop', 'x'),
      join(base, 'rootbeer'),
      `${root}/../secret.txt`,
      `${root}/a/../../secret.txt`,
      // A link is followed before `..` by the system, after it by text: neither way leads out.
      `${root}/out/../secret.txt`,
      '/etc/passwd',
      '/',
      '/proc/self/environ',
    ];
    const messages = new Set<string>();
    for (const path of outside) {
      const refusal = await jail.existing(path).then(
        () => `allowed ${path}`,
        (error: Error & { code: string }) => `${error.code}: ${error.message}`,
      );
      // The one path that text alone resolves to a name inside, where nothing is.
      if (path === `${root}/out/../secret.txt`) expect(refusal).toMatch(/^not-found/);
      else messages.add(refusal);
    }
    expect([...messages]).toEqual(['bad-input: This path lies outside the folders that this studio may open.']);
  });

  it('refuses what is no plain path: NUL, network, devices, drives, relative, too long', async () => {
    const jail = new Confinement(['/']);
    for (const path of [
      'a\0b',
      `${root}/a\0.png`,
      '//server/share',
      '\\\\server\\share',
      '\\\\?\\C:\\x',
      'C:\\Windows',
      'C:/Windows',
      'relative',
      '../x',
      '',
      `/${'x'.repeat(5000)}`,
    ]) {
      expect(await code(jail.existing(path)), JSON.stringify(path)).toBe('bad-input');
      expect(() => plainPath(path)).toThrow();
    }
  });

  it('decodes nothing: an encoded separator is a strange name, not a way out', async () => {
    const jail = new Confinement([root]);
    for (const name of ['%2e%2e%2fsecret.txt', '..%2fsecret.txt', '%2e%2e/%2e%2e/etc', '..\\secret.txt']) {
      expect(await code(jail.existing(join(root, name)))).toBe('not-found');
    }
  });

  it('never allows a path whose real place is outside, however it is written', async () => {
    const jail = new Confinement([root]);
    const part = fc.constantFrom(
      '..',
      '.',
      'a',
      'b',
      'out',
      'inner',
      'loop',
      'leak.txt',
      'secret.txt',
      'file.txt',
      '',
      '%2e%2e',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 8 }), async (parts) => {
        const answer = await code(jail.existing([root, ...parts].join('/')));
        if (answer.startsWith('allowed ')) {
          expect(isInside(root, await realpath(answer.slice('allowed '.length)))).toBe(true);
        } else {
          expect(['bad-input', 'not-found']).toContain(answer);
        }
      }),
      { numRuns: 300, seed: 11 },
    );
  });

  it('allows new files in folders inside, and only there', async () => {
    const jail = new Confinement([root]);
    expect(await jail.writable(join(root, 'a', 'new.ply'))).toBe(join(root, 'a', 'new.ply'));
    expect(await jail.writable(join(root, 'inner', 'new.ply'))).toBe(join(root, 'a', 'new.ply'));
    expect(await code(jail.writable(join(root, 'a', 'none', 'new.ply')))).toBe('not-found');
    expect(await code(jail.writable(join(root, 'out', 'new.ply')))).toBe('bad-input');
    expect(await code(jail.writable(join(root, 'a', 'leak.txt')))).toBe('bad-input');
    for (const name of ['con', 'a:b', 'x.', 'tab\t', 'NUL.txt']) {
      expect(await code(jail.writable(join(root, name))), name).toBe('bad-input');
    }
  });

  it('does not write through a link that leads to nothing outside', async () => {
    expect(await code(new Confinement([root]).writable(join(root, 'dangling')))).toBe('bad-input');
    expect(await code(new Confinement([root]).writable(join(root, 'dangling', 'x')))).toBe('bad-input');
  });

  it('allows what was granted, and what it holds, and no more', async () => {
    const jail = new Confinement([]);
    expect(await code(jail.existing(join(root, 'a')))).toBe('bad-input');
    jail.grant(join(root, 'a'));
    expect(await jail.existing(join(root, 'a', 'file.txt'))).toBe(join(root, 'a', 'file.txt'));
    expect(await code(jail.existing(root))).toBe('bad-input');
    expect(await code(jail.existing(join(root, 'a', 'leak.txt')))).toBe('bad-input');
    jail.grant(join(root, 'saved.ply'));
    expect(await jail.writable(join(root, 'saved.ply'))).toBe(join(root, 'saved.ply'));
    expect(await code(jail.writable(join(root, 'other.ply')))).toBe('bad-input');
  });
});

describe('realInside', () => {
  it('keeps a photo in its folder', async () => {
    expect(await realInside(root, join(root, 'a', 'file.txt'), 'It')).toBe(join(root, 'a', 'file.txt'));
    expect(await code(realInside(root, secret, 'It'))).toBe('bad-input');
    expect(await code(realInside(root, join(root, 'a', 'leak.txt'), 'It'))).toBe('bad-input');
    expect(await code(realInside(root, join(root, 'gone.png'), 'It'))).toBe('not-found');
    expect(await code(realInside(root, join(base, 'gone.png'), 'It'))).toBe('bad-input');
    expect(await code(realInside('/', secret, 'It'))).toBe('bad-input');
  });
});

describe('isPlainName', () => {
  it('takes names that every system takes', () => {
    for (const name of ['fox.liftscope', 'Küche 2', '.hidden', 'a'.repeat(255)]) expect(isPlainName(name)).toBe(true);
    for (const name of ['', '.', '..', 'a/b', 'a\\b', 'a\0', 'lpt1', 'Con.txt', 'a'.repeat(256), 'x ', '\u007f']) {
      expect(isPlainName(name), JSON.stringify(name)).toBe(false);
    }
  });
});
