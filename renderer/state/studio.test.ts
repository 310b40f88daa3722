import { afterEach, describe, expect, it, vi } from 'vitest';
import { LiftscopeError } from '../../contract/index.ts';
import { FakeTransport } from '../testing/fake-transport.ts';
import {
  sampleAppState,
  sampleFrames,
  sampleJob,
  sampleMetrics,
  sampleObjects,
  sampleProject,
} from '../testing/samples.ts';
import { initialSelection, withObjects } from './selection.ts';
import { createStudio } from './studio.ts';
import { followHost, loadJob } from './sync.ts';
import { initialView } from './view.ts';
import { parseView } from './view-settings.ts';

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

function start(change: Parameters<typeof sampleAppState>[0] = {}) {
  const fake = new FakeTransport({
    'app.state': () => sampleAppState(change),
    'capture.frames': () => sampleFrames(50),
    'splats.metrics': () => sampleMetrics(50),
    'objects.list': () => ({ objects: sampleObjects(3), revision: 1, observationsRevision: 1 }),
  });
  const studio = createStudio(fake);
  stops.push(followHost(studio));
  return { fake, studio };
}

async function settled(check: () => void) {
  await vi.waitFor(check, { timeout: 2000, interval: 2 });
}

describe('studio', () => {
  it('fetches what belongs to the open project', async () => {
    const { studio } = start({ project: sampleProject() });
    await settled(() => {
      const { frames, metrics, objects } = studio.records.getState();
      expect([frames.status, metrics.status, objects.status]).toEqual(['ready', 'ready', 'ready']);
    });
    expect(studio.selection.getState().frameCount).toBe(50);
    expect(studio.session.getState().connection).toBe('live');
  });

  it('clamps the current frame and says what is selected', async () => {
    const { studio } = start({ project: sampleProject() });
    await settled(() => expect(studio.selection.getState().frameCount).toBe(50));
    studio.goToFrame(49);
    studio.step(10);
    expect(studio.selection.getState().frame).toBe(49);
    studio.goToFrame(Number.NaN);
    expect(studio.selection.getState().frame).toBe(0);
    studio.selectObjects([2, 3]);
    expect(studio.selection.getState().subject).toBe('objects');
    studio.step(1);
    expect(studio.selection.getState()).toMatchObject({ frame: 1, subject: 'frame', objects: [2, 3] });
  });

  it('drops objects that were deleted from the selection', async () => {
    const { fake, studio } = start({ project: sampleProject() });
    await settled(() => expect(studio.records.getState().objects.status).toBe('ready'));
    studio.selectObjects([1, 2]);
    fake.answers['objects.list'] = () => ({ objects: sampleObjects(1), revision: 2, observationsRevision: 1 });
    fake.push({ type: 'records-changed', tables: ['objects'], revision: 13 });
    await settled(() => expect(studio.selection.getState().objects).toEqual([1]));
  });

  it('asks for the frames again when photos that were missing are there', async () => {
    const [capture] = sampleProject().captures;
    if (capture === undefined) throw new Error('no sample capture');
    const gone = sampleProject({ captures: [{ ...capture, missingCount: 3 }] });
    const { fake, studio } = start({ project: gone });
    await settled(() => expect(studio.records.getState().frames.status).toBe('ready'));
    const before = studio.records.getState().frames;
    fake.push({ type: 'project-changed', project: { ...gone, revision: gone.revision + 1 } });
    fake.push({
      type: 'project-changed',
      project: { ...gone, revision: gone.revision + 2, captures: [{ ...capture, missingCount: 0 }] },
    });
    await settled(() => expect(studio.records.getState().frames).not.toBe(before));
    await settled(() => expect(studio.records.getState().frames.status).toBe('ready'));
  });

  it('closing the project empties every record', async () => {
    const { fake, studio } = start({ project: sampleProject() });
    await settled(() => expect(studio.records.getState().frames.status).toBe('ready'));
    fake.push({ type: 'project-changed', project: null });
    await settled(() => expect(studio.records.getState().frames.status).toBe('idle'));
    expect(studio.records.getState().objects.status).toBe('idle');
    expect(studio.selection.getState()).toMatchObject({ frame: 0, frameCount: 0, objects: [] });
  });

  it('shows a failure of the first fetch and recovers when the host is back', async () => {
    const fake = new FakeTransport({
      'app.state': () => {
        throw new LiftscopeError({ code: 'not-responding', message: 'gone' });
      },
    });
    const studio = createStudio(fake);
    stops.push(followHost(studio));
    await settled(() => expect(studio.session.getState().failure?.message).toBe('gone'));
    fake.answers['app.state'] = () => sampleAppState();
    fake.disconnect();
    fake.push({ type: 'notice', level: 'info', text: 'x' });
    await settled(() => expect(studio.session.getState().app?.version).toBe('0.1.0'));
    expect(studio.session.getState().failure).toBeNull();
  });

  it('an answer about the former capture does not replace the present one', async () => {
    const { fake, studio } = start({ project: sampleProject() });
    await settled(() => expect(studio.records.getState().frames.status).toBe('ready'));
    let finishOld = () => {};
    fake.answers['capture.frames'] = ({ captureId }) =>
      captureId === 2
        ? new Promise((resolve) => {
            finishOld = () => resolve({ ...sampleFrames(7), captureId: 2 });
          })
        : { ...sampleFrames(9), captureId: 3 };
    fake.push({ type: 'project-changed', project: sampleProject({ currentCaptureId: 2 }) });
    fake.push({ type: 'project-changed', project: sampleProject({ currentCaptureId: 3 }) });
    await settled(() => expect(studio.selection.getState().frameCount).toBe(9));
    finishOld();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(studio.selection.getState().frameCount).toBe(9);
  });

  it('joins a fetched curve with live points', async () => {
    const { fake, studio } = start({ jobs: [sampleJob({ id: 2 })] });
    await settled(() => expect(studio.session.getState().jobs).toHaveLength(1));
    const at = (iteration: number) => ({
      iteration,
      loss: 1,
      gaussians: 1,
      iterationsPerSecond: 1,
      psnr: null,
      ssim: null,
    });
    fake.answers['jobs.curve'] = () => ({ points: [at(1), at(2)] });
    fake.answers['jobs.log'] = () => ({ lines: [] });
    fake.push({ type: 'job-curve', jobId: 2, points: [at(3)] });
    await settled(() => expect(studio.session.getState().curves[2]).toHaveLength(1));
    await loadJob(studio, 2);
    expect(studio.session.getState().curves[2]?.map(({ iteration }) => iteration)).toEqual([1, 2, 3]);
  });

  it('turns failures into toasts, and keeps one of each', async () => {
    const { studio } = start();
    const fail = () => studio.attempt(() => studio.transport.call('edits.undo', {}));
    expect(await fail()).toBeUndefined();
    await fail();
    expect(studio.ui.getState().toasts.map(({ level, text }) => [level, text])).toEqual([
      ['error', 'edits.undo has no answer here.'],
    ]);
  });
});

describe('selection modes', () => {
  it('replaces, adds and toggles, the last one being primary', () => {
    const one = withObjects(initialSelection, [1, 2], 'replace');
    expect(withObjects(one, [1], 'add').objects).toEqual([2, 1]);
    expect(withObjects(one, [2, 3], 'toggle').objects).toEqual([1, 3]);
    expect(withObjects(one, [], 'replace').subject).toBe('frame');
  });
});

describe('stored view', () => {
  it('takes what it understands and defaults for the rest', () => {
    const view = parseView({ theme: 'light', frames: { base: 'depth', blend: 7 }, scene: 'nonsense' });
    expect(view.theme).toBe('light');
    expect(view.frames).toEqual({ ...initialView.frames, base: 'depth' });
    expect(view.scene).toEqual(initialView.scene);
    for (const junk of [null, 3, 'x', []]) expect(parseView(junk)).toEqual(initialView);
  });
});
