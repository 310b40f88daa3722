import { describe, expect, it } from 'vitest';
import { type ClickMask, encodeCounts, LiftscopeError, type ProcedureInput } from '../../contract/index.ts';
import { createStudio } from '../state/index.ts';
import { FakeTransport } from '../testing/fake-transport.ts';
import { sampleFrames, sampleObjects, sampleProject } from '../testing/samples.ts';
import { outlinesOf, pixelsOf } from './outlines.ts';
import { addPoint, createFromClicks, frameView, freshName, removeLastPoint, runSegmenting, spread } from './segment.ts';

type Click = ProcedureInput<'segment.click'>;

const mask = (areaPx: number): ClickMask => ({
  width: 4,
  height: 3,
  areaPx,
  rle: encodeCounts([0, areaPx, 12 - areaPx]),
});

function studioWith(answer: (input: Click) => Promise<void> | void = () => undefined) {
  const fake = new FakeTransport({
    'segment.click': async (input) => {
      await answer(input);
      const maps = (input.frames?.ids ?? []).map((frameId) => ({ ...mask(3), frameId }));
      return { mask: mask(5), maps, gaussians: 7, recipe: 'closed-form', similarity: 'cosine', totalMs: 12 };
    },
    'segment.create': () => ({ project: sampleProject(), objectId: 9, gaussians: 7 }),
  });
  const studio = createStudio(fake);
  const objects = { objects: sampleObjects(3), revision: 1, observationsRevision: 1 };
  studio.session.setState({ project: sampleProject() });
  studio.records.setState({
    frames: { status: 'ready', value: sampleFrames(50) },
    objects: { status: 'ready', value: objects },
  });
  studio.selection.setState({ frameCount: 50 });
  studio.segment.setState({ active: true });
  return { studio, fake, stop: runSegmenting(studio) };
}

const clickIn = (studio: ReturnType<typeof studioWith>['studio'], x: number, positive = true): void => {
  const view = frameView(studio);
  if (view === null) throw new Error('no frame');
  addPoint(studio, { x, y: 1, positive, view, position: null });
};
const clicks = (fake: FakeTransport): Click[] =>
  fake.calls.filter(({ name }) => name === 'segment.click').map(({ input }) => input as Click);

describe('click to segment', () => {
  it('asks for the current frame, and again in the next one', async () => {
    const { studio, fake, stop } = studioWith();
    clickIn(studio, 2);
    await expect.poll(() => studio.segment.getState().frameMask?.frameId, { interval: 2 }).toBe('f0');
    studio.goToFrame(4);
    await expect.poll(() => studio.segment.getState().frameMask?.frameId, { interval: 2 }).toBe('f4');
    // The click stays where it was made.
    expect(clicks(fake).at(-1)).toMatchObject({ view: { frameId: 'f4' }, points: [{ x: 2, view: { frameId: 'f0' } }] });
    expect(studio.segment.getState()).toMatchObject({ gaussians: 7, busy: false, milliseconds: 12 });
    stop();
  });

  it('asks nothing without a positive click, and forgets the answer with the last one', async () => {
    const { studio, fake, stop } = studioWith();
    clickIn(studio, 1, false);
    expect(clicks(fake)).toEqual([]);
    clickIn(studio, 2);
    await expect.poll(() => studio.segment.getState().gaussians, { interval: 2 }).toBe(7);
    removeLastPoint(studio);
    expect(studio.segment.getState()).toMatchObject({ gaussians: null, frameMask: null });
    stop();
  });

  it('has one question under way, and then asks the newest', async () => {
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { studio, fake, stop } = studioWith(() => gate);
    clickIn(studio, 1);
    for (const threshold of [0.5, 0.6, 0.7]) studio.segment.setState({ threshold });
    expect(clicks(fake)).toHaveLength(1);
    release();
    await expect.poll(() => clicks(fake).length, { interval: 2 }).toBe(2);
    await expect.poll(() => studio.segment.getState().busy, { interval: 2 }).toBe(false);
    expect(clicks(fake).map(({ threshold }) => threshold)).toEqual([0.8, 0.7]);
    stop();
  });

  it('asks in the view of the scene where that is open, with the frame beside it', async () => {
    const { studio, fake, stop } = studioWith();
    const camera = studio.camera.getState();
    const cameraFromWorld = { quaternion: [1, 0, 0, 0], translation: [0, 0, 4] } as const;
    const pose = { quaternion: [...cameraFromWorld.quaternion], translation: [...cameraFromWorld.translation] };
    studio.segment.setState({
      scene: { camera, view: { width: 64, height: 48, focal: 60, cameraFromWorld: pose as never } },
    });
    clickIn(studio, 3);
    await expect.poll(() => studio.segment.getState().sceneMask, { interval: 2 }).not.toBeNull();
    expect(clicks(fake)[0]).toMatchObject({ view: { width: 64 }, frames: { captureId: 1, ids: ['f0'] } });
    const { sceneMask, frameMask } = studio.segment.getState();
    expect(sceneMask?.camera).toBe(camera);
    expect([sceneMask?.mask.areaPx, frameMask?.mask.areaPx]).toEqual([5, 3]);
    stop();
  });

  it('says what went wrong and goes on', async () => {
    let broken = true;
    const { studio, stop } = studioWith(() => {
      if (broken) throw new LiftscopeError({ code: 'not-found', message: 'Nothing has been lifted.' });
    });
    clickIn(studio, 1);
    await expect.poll(() => studio.segment.getState().failure?.message, { interval: 2 }).toMatch(/lifted/);
    broken = false;
    clickIn(studio, 2);
    await expect.poll(() => studio.segment.getState().gaussians, { interval: 2 }).toBe(7);
    expect(studio.segment.getState().failure).toBeNull();
    stop();
  });

  it('makes one object, selects it, and is ready for the next', async () => {
    const { studio, fake, stop } = studioWith();
    clickIn(studio, 2);
    await expect.poll(() => studio.segment.getState().gaussians, { interval: 2 }).toBe(7);
    expect(await createFromClicks(studio, '  ')).toBe(true);
    const made = fake.calls.filter(({ name }) => name === 'segment.create').map(({ input }) => input);
    expect(made).toHaveLength(1);
    expect(made[0]).toMatchObject({ name: 'object 4', threshold: 0.8, points: [{ x: 2, positive: true }] });
    expect(studio.selection.getState().objects).toEqual([9]);
    expect(studio.segment.getState()).toMatchObject({ active: true, points: [], gaussians: null });
    stop();
  });

  it('stays away when it was put away while the object was made', async () => {
    const { studio, fake, stop } = studioWith();
    clickIn(studio, 2);
    await expect.poll(() => studio.segment.getState().gaussians, { interval: 2 }).toBe(7);
    fake.answers['segment.create'] = async () => {
      studio.segment.setState({ active: false, points: [] });
      return { project: sampleProject(), objectId: 9, gaussians: 7 };
    };
    expect(await createFromClicks(studio, 'mug')).toBe(true);
    expect(studio.segment.getState().active).toBe(false);
    expect(studio.selection.getState().objects).toEqual([9]);
    stop();
  });

  it('is put away when another model is chosen', () => {
    const { studio, stop } = studioWith();
    clickIn(studio, 2);
    studio.session.setState({ project: sampleProject({ currentSplatsId: 2 }) });
    expect(studio.segment.getState()).toMatchObject({ active: false, points: [] });
    stop();
  });
});

describe('parts of it', () => {
  it('spreads frames over the capture and keeps the current one', () => {
    expect(spread(3, 1)).toEqual([0, 1, 2]);
    for (const [count, current] of [
      [50, 49],
      [120, 119],
      [1000, 501],
      [51, 50],
    ] as const) {
      const frames = spread(count, current);
      expect(frames).toHaveLength(49);
      expect(frames).toContain(current);
      expect(frames.every((index, i) => index < count && (i === 0 || index > (frames[i - 1] ?? 0)))).toBe(true);
    }
  });

  it('finds a free name', () => {
    expect(freshName(['fox', 'object 3'])).toBe('object 4');
    expect(freshName([])).toBe('object 1');
  });

  it('outlines a mask on the edges of its pixels', () => {
    // A bar of two pixels in the second row.
    const pixels = pixelsOf({ width: 4, height: 3, areaPx: 2, rle: encodeCounts([5, 2, 5]) });
    expect([...pixels]).toEqual([0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]);
    const lines = outlinesOf(pixels, 4, 3).get(1) ?? [];
    const segments = Array.from({ length: lines.length / 4 }, (_, i) => lines.slice(4 * i, 4 * i + 4).join());
    expect(segments.sort()).toEqual(['1,1,1,2', '1,1,3,1', '1,2,3,2', '3,1,3,2']);
    expect(() => pixelsOf({ width: 4, height: 3, areaPx: 2, rle: encodeCounts([50, 2]) })).toThrow(LiftscopeError);
  });
});
