import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { DesktopCapability, MenuCommand } from '../../contract/index.ts';
import { createStudio } from '../state/index.ts';
import { FakeTransport } from '../testing/fake-transport.ts';
import { sampleProject } from '../testing/samples.ts';
import { followDesktop } from './desktop.ts';
import { keepView } from './persist.ts';
import { runPlayback } from './playback.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  globalThis.liftscopeDesktop = undefined;
});

describe('playback', () => {
  it('steps at the chosen rate, stops at the last frame and starts over', () => {
    const studio = createStudio(new FakeTransport());
    const stop = runPlayback(studio);
    studio.selection.setState({ frameCount: 5 });
    studio.view.setState({ playbackFps: 10 });
    studio.setPlaying(true);
    vi.advanceTimersByTime(250);
    expect(studio.selection.getState().frame).toBe(2);
    vi.advanceTimersByTime(1000);
    expect(studio.selection.getState()).toMatchObject({ frame: 4, playing: false });
    studio.setPlaying(true);
    expect(studio.selection.getState().frame).toBe(0);
    stop();
    vi.advanceTimersByTime(1000);
    expect(studio.selection.getState().frame).toBe(0);
  });

  it('does not play a single frame', () => {
    const studio = createStudio(new FakeTransport());
    studio.selection.setState({ frameCount: 1 });
    studio.setPlaying(true);
    expect(studio.selection.getState().playing).toBe(false);
  });
});

describe('view settings', () => {
  it('are restored and saved, a burst of changes once', async () => {
    const saved: unknown[] = [];
    const fake = new FakeTransport({
      'settings.get': () => ({ value: { theme: 'light' } }),
      'settings.set': ({ value }) => {
        saved.push(value);
        return {};
      },
    });
    const studio = createStudio(fake);
    const stop = keepView(studio);
    await vi.advanceTimersByTimeAsync(1000);
    expect(studio.view.getState().theme).toBe('light');
    saved.length = 0;
    for (const blend of [0.1, 0.2, 0.3]) studio.setFramesView({ blend });
    await vi.advanceTimersByTimeAsync(1000);
    expect(saved).toMatchObject([{ theme: 'light', frames: { blend: 0.3 } }]);
    stop();
  });

  it('do not undo what was changed before they arrived', async () => {
    const fake = new FakeTransport({
      'settings.get': () => ({ value: { theme: 'light' } }),
      'settings.set': () => ({}),
    });
    const studio = createStudio(fake);
    const stop = keepView(studio);
    studio.view.setState({ theme: 'dark' });
    await vi.advanceTimersByTimeAsync(1000);
    expect(studio.view.getState().theme).toBe('dark');
    stop();
  });
});

describe('desktop shell', () => {
  it('keeps the native menu in step and runs what is chosen there', async () => {
    const menus: (readonly MenuCommand[])[] = [];
    let choose = (_command: string) => {};
    globalThis.liftscopeDesktop = {
      platform: 'linux',
      chooseFolder: async () => '/captures/fox',
      chooseFile: async () => null,
      chooseSavePath: async () => null,
      showInFolder: async () => {},
      setMenu: async (menu) => {
        menus.push(menu);
      },
      onCommand(listener) {
        choose = listener;
        return () => {
          choose = () => {};
        };
      },
    } satisfies DesktopCapability;
    const fake = new FakeTransport({ 'project.open': () => ({ project: sampleProject() }) });
    const studio = createStudio(fake);
    const stop = followDesktop(studio);
    await vi.advanceTimersByTimeAsync(300);
    const enabled = (id: string) => menus.at(-1)?.find((item) => item.id === id)?.enabled;
    expect(enabled('capture.import')).toBe(false);
    studio.session.setState({ project: sampleProject() });
    await vi.advanceTimersByTimeAsync(300);
    expect(enabled('capture.import')).toBe(true);
    const sent = menus.length;
    studio.selection.setState({ hoveredObject: 3 });
    await vi.advanceTimersByTimeAsync(300);
    expect(menus.length).toBe(sent);

    choose('capture.import');
    await vi.advanceTimersByTimeAsync(0);
    expect(studio.ui.getState().dialogs).toEqual([{ kind: 'import', path: '/captures/fox' }]);
    // A dialog is modal for the native menu too.
    choose('train.splats');
    expect(studio.ui.getState().dialogs).toHaveLength(1);
    choose('open-project:/projects/fox.liftscope');
    expect(fake.calls.at(-1)).toEqual({ name: 'project.open', input: { folder: '/projects/fox.liftscope' } });
    stop();
  });
});
