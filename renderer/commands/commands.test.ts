import { describe, expect, it } from 'vitest';
import { menuSchema } from '../../contract/index.ts';
import { createStudio, followHost } from '../state/index.ts';
import { FakeTransport } from '../testing/fake-transport.ts';
import { sampleAppState, sampleFrames, sampleMetrics, sampleObjects, sampleProject } from '../testing/samples.ts';
import { acceleratorOf, formatChord, type KeyPress, matches, parseChord } from './chord.ts';
import { commandForKey } from './dispatch.ts';
import { nativeMenu, searchCommands } from './menus.ts';
import { commandById, commands, flyKeys, runCommand } from './table.ts';

function press(key: string, change: Partial<KeyPress> = {}): KeyPress {
  const code = /^[a-z]$/i.test(key) ? `Key${key.toUpperCase()}` : key;
  return { key, code, ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, ...change };
}

function studioWith(project = sampleProject()) {
  const fake = new FakeTransport({
    'app.state': () => sampleAppState({ project }),
    'capture.frames': () => sampleFrames(50),
    'splats.metrics': () => sampleMetrics(50),
    'objects.list': () => ({ objects: sampleObjects(3), revision: 1, observationsRevision: 1 }),
  });
  const studio = createStudio(fake);
  studio.session.setState({ project });
  studio.selection.setState({ frameCount: 50 });
  return { studio, fake };
}

/** The physical key a chord would most likely be on, so that `d` and `code:KeyD` are seen to be the same key. */
function keyOf(chord: string): string {
  const { mod, shift, alt, key, code } = parseChord(chord);
  const last = code ?? (key !== null && /^[a-z]$/.test(key) ? `Key${key.toUpperCase()}` : key);
  return [mod, shift, alt, last].join(' ');
}

describe('commands table', () => {
  it('has unique ids and titles', () => {
    expect(new Set(commands.map(({ id }) => id)).size).toBe(commands.length);
    expect(new Set(commands.map(({ title }) => title)).size).toBe(commands.length);
    expect(() => commandById('nonsense')).toThrow(/nonsense/);
  });

  it('gives no key to two commands that could both be meant', () => {
    const conflicts: string[] = [];
    const all = commands.flatMap((command) => command.keys.map((chord) => ({ command, key: keyOf(chord) })));
    all.forEach((a, index) => {
      for (const b of all.slice(index + 1)) {
        const scopes = [a.command.scope, b.command.scope];
        // In the Timeline its own keys go first.
        const apart =
          scopes.toSorted().join() === 'frames,scene' || scopes.filter((scope) => scope === 'timeline').length === 1;
        if (a.command.id !== b.command.id && a.key === b.key && !apart)
          conflicts.push(`${a.key}: ${a.command.id} and ${b.command.id}`);
      }
    });
    expect(conflicts).toEqual([]);
  });

  it('keeps the keys that the studio promises', () => {
    const keys = Object.fromEntries(commands.map(({ id, keys: chords }) => [id, chords]));
    expect(keys).toMatchObject({
      'edit.undo': ['Mod+z'],
      'edit.redo': ['Mod+Shift+z', 'Mod+y'],
      'view.palette': ['Mod+k', 'Mod+Shift+p'],
      'help.shortcuts': ['F1', '?'],
      'go.play': ['Space'],
      'go.previous': ['d'],
      'go.next': ['f'],
      'go.back-ten': ['c'],
      'go.forward-ten': ['v'],
      'scene.mode': ['v'],
      'scene.focus': ['f'],
    });
    expect([...flyKeys.keys()].sort()).toEqual(['KeyA', 'KeyD', 'KeyE', 'KeyQ', 'KeyS', 'KeyW']);
  });

  it('runs nothing that is not enabled', () => {
    const { studio, fake } = studioWith();
    studio.session.setState({ project: null });
    studio.selection.setState({ frameCount: 0 });
    const open = commands.filter((command) => command.hold !== true && command.enabled(studio)).map(({ id }) => id);
    expect(open.sort()).toEqual([
      'help.about',
      'help.shortcuts',
      'project.create',
      'project.open',
      'view.palette',
      'view.theme.dark',
      'view.theme.light',
      'view.theme.system',
    ]);
    expect(runCommand(studio, 'edit.undo')).toBe(false);
    expect(fake.calls).toEqual([]);
  });

  it('makes a menu that the desktop accepts', () => {
    const { studio } = studioWith();
    const menu = nativeMenu(studio);
    expect(menuSchema.parse(menu)).toEqual(menu);
    expect(menu.find(({ id }) => id === 'edit.redo')?.accelerator).toBe('CmdOrCtrl+Shift+Z');
    expect(menu.some(({ enabled }) => enabled) && menu.some(({ enabled }) => !enabled)).toBe(true);
  });

  it('says of every change whether it can be undone', () => {
    const steps = commands.filter(({ undo }) => undo === 'step').map(({ id }) => id);
    expect(steps.every((id) => /^(objects|tracks)\./.test(id) || id === 'query.save')).toBe(true);
    expect(commands.filter(({ undo }) => undo === 'history').map(({ id }) => id)).toEqual(['edit.undo', 'edit.redo']);
  });
});

describe('keyboard', () => {
  it('means steps outside the Scene panel and flying keys within', () => {
    const { studio } = studioWith();
    studio.handlers.set('scene.focus', () => {});
    studio.ui.setState({ activePanel: 'frames' });
    const idOf = (key: string) => commandForKey(studio, press(key), 'none', false)?.id ?? null;
    expect([idOf('d'), idOf('f'), idOf('v')]).toEqual(['go.previous', 'go.next', 'go.forward-ten']);
    studio.ui.setState({ activePanel: 'scene' });
    expect([idOf('d'), idOf('f'), idOf('v'), idOf('w')]).toEqual([null, 'scene.focus', 'scene.mode', null]);
    expect([idOf('.'), idOf(' ')]).toEqual(['go.next-anywhere', 'go.play']);
  });

  it('leaves typing alone, except for the palette', () => {
    const { studio } = studioWith();
    const id = (key: string, focus: 'text' | 'control', change = {}) =>
      commandForKey(studio, press(key, change), focus, false)?.id ?? null;
    expect(id('f', 'text')).toBeNull();
    expect(id('z', 'text', { ctrlKey: true })).toBeNull();
    expect(id('k', 'text', { ctrlKey: true })).toBe('view.palette');
    expect(id(' ', 'control')).toBeNull();
    expect(id('f', 'control')).toBe('go.next');
  });

  it('is quiet under a dialog', () => {
    const { studio } = studioWith();
    studio.openDialog({ kind: 'train' });
    expect(commandForKey(studio, press('f'), 'none', false)).toBeNull();
    expect(commandForKey(studio, press('k', { ctrlKey: true }), 'none', false)?.id).toBe('view.palette');
  });

  it('knows Command from Ctrl, letters from signs, and positions from letters', () => {
    expect(matches('Mod+z', press('z', { metaKey: true }), true)).toBe(true);
    expect(matches('Mod+z', press('z', { ctrlKey: true }), true)).toBe(false);
    expect(matches('Mod+z', press('Z', { ctrlKey: true, shiftKey: true }), false)).toBe(false);
    expect(matches('?', press('?', { shiftKey: true }), false)).toBe(true);
    expect(matches('n', press('N', { shiftKey: true }), false)).toBe(false);
    // AZERTY: the key where W is on QWERTY types Z.
    expect(matches('code:KeyW', press('z', { code: 'KeyW' }), false)).toBe(true);
    expect(matches('Mod+z', press('z', { code: 'KeyW', ctrlKey: true }), false)).toBe(true);
    expect(formatChord('Mod+Shift+z', false)).toBe('Ctrl+Shift+Z');
    expect(formatChord('Mod+Shift+z', true)).toBe('⌘+⇧+Z');
    expect(acceleratorOf('Alt+1')).toBe('Alt+1');
  });
});

describe('what commands do', () => {
  it('plays, steps, and walks frames by error', async () => {
    const { studio } = studioWith();
    const stop = followHost(studio);
    try {
      await expect.poll(() => studio.records.getState().metrics.status, { interval: 2 }).toBe('ready');
      runCommand(studio, 'go.play');
      expect(studio.selection.getState().playing).toBe(true);
      runCommand(studio, 'go.forward-ten');
      expect(studio.selection.getState().frame).toBe(10);
      runCommand(studio, 'go.worst');
      // Frame 12 of the sample is 8 dB below the others.
      expect(studio.selection.getState().frame).toBe(12);
      runCommand(studio, 'go.next-worst');
      const second = studio.selection.getState().frame;
      expect(second).not.toBe(12);
      runCommand(studio, 'go.previous-worst');
      expect(studio.selection.getState().frame).toBe(12);
    } finally {
      stop();
    }
  });

  it('shows what is wrong as a toast', async () => {
    const { studio } = studioWith(sampleProject({ undo: { label: 'Rename mug' } }));
    runCommand(studio, 'edit.undo');
    await expect.poll(() => studio.ui.getState().toasts.length, { interval: 2 }).toBe(1);
    expect(studio.ui.getState().toasts[0]?.level).toBe('error');
  });
});

describe('search', () => {
  it('finds by every word and puts what starts so first', () => {
    const found = searchCommands('frame prev', commands).map(({ id }) => id);
    expect(found).toEqual(['go.previous', 'go.previous-anywhere', 'go.previous-worst']);
    expect(searchCommands('show f', commands)[0]?.id).toBe('view.panel.frames');
    expect(searchCommands('zzz', commands)).toEqual([]);
  });
});
