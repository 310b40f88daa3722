import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cacheFolder, configFolder, MAX_RECENT, MAX_VALUE_BYTES, MachineSettings } from './settings.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'liftscope-settings-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const SETTINGS = new URL('./settings.ts', import.meta.url).href;

describe('MachineSettings', () => {
  it('keeps values over a restart, and answers null for what is not set', async () => {
    const settings = await MachineSettings.open(folder);
    await settings.set('theme', 'light');
    await settings.set('layout', { panels: [1, 2] });
    const again = await MachineSettings.open(folder);
    expect(again.get('theme')).toBe('light');
    expect(again.get('layout')).toEqual({ panels: [1, 2] });
    expect(again.get('none')).toBeNull();
    expect(again.get('constructor')).toBeNull();
  });

  it('keeps every one of many changes made at once', async () => {
    const settings = await MachineSettings.open(folder);
    await Promise.all(Array.from({ length: 30 }, (_, i) => settings.set(`key${i}`, i)));
    const again = await MachineSettings.open(folder);
    expect(Array.from({ length: 30 }, (_, i) => again.get(`key${i}`))).toEqual(Array.from({ length: 30 }, (_, i) => i));
    expect((await readdir(folder)).filter((name) => name !== 'settings.json')).toEqual([]);
  });

  it('remembers the projects opened last, newest first and each once', async () => {
    const settings = await MachineSettings.open(folder);
    for (let i = 0; i < MAX_RECENT + 5; i++) await settings.addRecent(`/projects/p${i}.liftscope`);
    await settings.addRecent('/projects/p10.liftscope');
    await settings.forgetRecent('/projects/p11.liftscope');
    const { recent } = await MachineSettings.open(folder);
    expect(recent).toHaveLength(MAX_RECENT - 1);
    expect(recent[0]).toMatchObject({ folder: '/projects/p10.liftscope', name: 'p10' });
    expect(recent.filter((entry) => entry.name === 'p10')).toHaveLength(1);
    expect(recent.some((entry) => entry.name === 'p11')).toBe(false);
  });

  it.each([
    ['cut short', '{"format":"liftscope-settings","version":1,"sett'],
    ['of another kind', '{"hello":1}'],
    ['empty', ''],
  ])('sets a file that is %s aside, says so, and goes on', async (_name, text) => {
    await writeFile(join(folder, 'settings.json'), text);
    const notices: string[] = [];
    const settings = await MachineSettings.open(folder, (notice) => notices.push(notice));
    expect(settings.get('theme')).toBeNull();
    await settings.set('theme', 'dark');
    const aside = (await readdir(folder)).find((name) => name.includes('.damaged-'));
    expect(await readFile(join(folder, aside ?? ''), 'utf8')).toBe(text);
    expect(notices).toHaveLength(1);
    expect(notices[0]).toContain(aside);
  });

  it('refuses what is too large and keeps what was there', async () => {
    const settings = await MachineSettings.open(folder);
    await settings.set('theme', 'dark');
    await expect(settings.set('theme', 'x'.repeat(MAX_VALUE_BYTES))).rejects.toMatchObject({ code: 'bad-input' });
    expect((await MachineSettings.open(folder)).get('theme')).toBe('dark');
  });

  it('is whole after a kill at any moment', async () => {
    const place = join(folder, 'killed');
    await mkdir(place);
    const script = `const { MachineSettings } = await import(${JSON.stringify(SETTINGS)});
      const settings = await MachineSettings.open(process.argv[1]);
      for (let i = 1; ; i++) { await settings.set('count', { i, pad: 'x'.repeat(20000) }); if (i === 3) console.log('on'); }`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, place], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    const notices: string[] = [];
    const settings = await MachineSettings.open(place, (notice) => notices.push(notice));
    expect(notices).toEqual([]);
    expect(settings.get('count')).toMatchObject({ i: expect.any(Number), pad: 'x'.repeat(20_000) });
  });
});

describe('folders of the machine', () => {
  it('can be moved by the environment', () => {
    expect(configFolder({ LIFTSCOPE_CONFIG: '/c' })).toBe('/c');
    expect(cacheFolder({ LIFTSCOPE_CACHE: '/d' })).toBe('/d');
    if (process.platform !== 'linux') return;
    expect(configFolder({ XDG_CONFIG_HOME: '/x' })).toBe('/x/liftscope');
    expect(cacheFolder({ XDG_CACHE_HOME: '/y' })).toBe('/y/liftscope');
    expect(configFolder({})).toMatch(/\.config\/liftscope$/);
  });
});
