import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startHost } from './testing.ts';

describe('folder browser', () => {
  it('lists folders by what they are, in natural order, without hidden files and links that lead out', async () => {
    await using test = await startHost();
    const { folder } = test;
    for (const name of ['shots 10', 'shots 9', 'fox.liftscope', 'maps/sparse/0', 'nerf', '.git']) {
      await mkdir(join(folder, name), { recursive: true });
    }
    await writeFile(join(folder, 'fox.liftscope', 'project.sqlite'), '');
    await writeFile(join(folder, 'maps', 'sparse', '0', 'cameras.bin'), '');
    await writeFile(join(folder, 'nerf', 'transforms.json'), '{}');
    await writeFile(join(folder, 'scene.ply'), 'ply');
    await symlink('/etc', join(folder, 'etc'));
    await symlink('nerf', join(folder, 'alias'));
    await symlink('nowhere', join(folder, 'broken'));
    const listing = await test.call('files.list', { path: folder });
    expect(listing.entries.map(({ name, kind }) => `${kind} ${name}`)).toEqual([
      'capture alias',
      'project fox.liftscope',
      'capture maps',
      'capture nerf',
      'folder shots 9',
      'folder shots 10',
      'splats scene.ply',
    ]);
    expect(listing).toMatchObject({ path: folder, parent: null, truncated: false });
    expect(listing.entries.at(-1)?.sizeBytes).toBe(3);
    const inner = await test.call('files.list', { path: join(folder, 'nerf') });
    expect(inner).toMatchObject({ parent: folder, entries: [{ name: 'transforms.json', kind: 'capture' }] });
    const top = await test.call('files.list', {});
    expect(top).toMatchObject({ path: null, entries: [{ path: folder, kind: 'folder' }] });
    expect(await test.failure('files.list', { path: join(folder, 'etc') })).toMatchObject({ code: 'bad-input' });
    expect(await test.failure('files.list', { path: join(folder, 'gone') })).toMatchObject({ code: 'not-found' });
  });

  it('makes folders with plain names only', async () => {
    await using test = await startHost();
    const parent = test.folder;
    expect(await test.call('files.createFolder', { parent, name: 'new' })).toEqual({ path: join(parent, 'new') });
    expect(await test.failure('files.createFolder', { parent, name: 'new' })).toMatchObject({
      message: expect.stringContaining('exists already'),
    });
    for (const name of ['..', 'a/b', 'a\0b', '../up', 'CON']) {
      expect(await test.failure('files.createFolder', { parent, name }), name).toMatchObject({ code: 'bad-input' });
    }
    expect(await test.failure('files.createFolder', { parent: '/tmp', name: 'x' })).toMatchObject({
      code: 'bad-input',
    });
  });
});
