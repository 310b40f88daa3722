import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { OrderedEvent } from '../../contract/index.ts';
import { lockForTraining } from './lock.ts';
import { openProject, type Project } from './project.ts';
import { anyCapture, sampleCapture } from './samples.ts';

let root: string;
let project: Project;
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'liftscope-project-'));
  project = await openProject(join(root, 'a.liftscope'), { create: true });
});
afterEach(() => {
  project.close();
  rmSync(root, { recursive: true, force: true });
});

describe('captures', () => {
  test('every capture the contract allows is read back equal', () => {
    fc.assert(
      fc.property(anyCapture, (capture) => {
        const id = project.captures.add(capture, undefined, { scale: 0.5 });
        const stored = project.captures.get(id);
        expect(stored?.capture).toEqual(capture);
        expect(stored?.options).toEqual({ scale: 0.5 });
        expect(project.captures.current().id).toBe(id);
      }),
      { numRuns: 60 },
    );
  });

  test('images inside the artifact store follow the project when it moves', async () => {
    const name = await project.artifacts.put(Uint8Array.of(1, 2, 3), 'png');
    const points = await project.artifacts.put(new Uint8Array(15), 'points');
    project.captures.add(
      sampleCapture((index) => (index === 0 ? project.artifacts.path(name) : '/photos/1.png')),
      points,
      {},
    );
    project.close();
    const moved = join(root, 'b.liftscope');
    renameSync(join(root, 'a.liftscope'), moved);
    project = await openProject(moved);
    const { capture, pointsArtifact } = project.captures.current();
    expect(capture.frames.map((frame) => frame.imagePath)).toEqual([project.artifacts.path(name), '/photos/1.png']);
    expect(capture.frames[0]?.imagePath.startsWith(moved)).toBe(true);
    expect([...readFileSync(capture.frames[0]?.imagePath ?? '')]).toEqual([1, 2, 3]);
    expect(pointsArtifact).toBe(points);
  });

  test('a capture whose frames contradict each other leaves no trace', () => {
    const capture = sampleCapture();
    const twice = { ...capture, frames: [...capture.frames, ...capture.frames] };
    expect(() => project.captures.add(twice, undefined, {})).toThrow(/UNIQUE/);
    const orphan = { ...capture, cameras: [] as unknown as typeof capture.cameras };
    expect(() => project.captures.add(orphan, undefined, {})).toThrow(/FOREIGN KEY/);
    expect(() => project.captures.current()).toThrow(/no capture yet/);
  });
});

describe('jobs', () => {
  const job = {
    kind: 'train-splats',
    captureId: null,
    options: { seed: 3 },
    checkpointDir: 'checkpoints/1',
    resumedFrom: null,
  };

  test('a job ends once', () => {
    const { id } = project.jobs.create(job);
    project.jobs.started(id, 1234);
    expect(project.jobs.get(id)).toMatchObject({ state: 'running', workerPid: 1234, options: { seed: 3 } });
    expect(project.jobs.unfinished().map((row) => row.id)).toEqual([id]);
    project.jobs.finished(id, { psnr: 30 });
    project.jobs.failed(id, { code: 'crashed', message: 'too late' });
    expect(project.jobs.get(id)).toMatchObject({ state: 'finished', failure: null });
    expect(project.jobs.result(id, z.object({ psnr: z.number() }))).toEqual({ psnr: 30 });
    expect(project.jobs.unfinished()).toEqual([]);
  });

  test('a cancelled job is not a failed one', () => {
    const { id } = project.jobs.create(job);
    project.jobs.cancelling(id);
    expect(project.jobs.get(id).state).toBe('cancelling');
    project.jobs.failed(id, { code: 'cancelled', message: 'stopped' });
    expect(project.jobs.get(id)).toMatchObject({ state: 'cancelled', failure: { code: 'cancelled' } });
  });

  test('events keep their order and their contents', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ type: fc.constant('warning' as const), message: fc.string() })), (events) => {
        const { id } = project.jobs.create(job);
        for (const event of events) project.jobs.appendEvent(id, event satisfies OrderedEvent);
        const rows = project.jobs.events(id);
        expect(rows.map((row) => row.sequence)).toEqual(events.map((_, index) => index));
        expect(rows.map((row) => row.event)).toEqual(events);
      }),
      { numRuns: 30 },
    );
  });
});

describe('splats and metrics', () => {
  test('the latest splats of a capture, with their quality per frame', async () => {
    const captureId = project.captures.add(sampleCapture(), undefined, {});
    const artifact = await project.artifacts.put(Uint8Array.of(1), 'splats');
    const first = project.splats.add({ captureId, jobId: null, artifact, gaussians: 10, shDegree: 3 });
    const second = project.splats.add({ captureId, jobId: null, artifact, gaussians: 20, shDegree: 0 });
    expect(project.splats.latest(captureId)).toEqual(second);
    expect(project.splats.latest(captureId + 1)).toBeUndefined();
    const perFrame = [{ name: '1.png', psnr: Number.POSITIVE_INFINITY, ssim: 1 }];
    project.splats.recordQuality(first.id, null, 100, { psnr: 30.5, ssim: 0.9, perFrame });
    project.splats.recordQuality(first.id, null, 100, { psnr: 31, ssim: 0.91, perFrame });
    expect(project.splats.metrics(first.id)).toEqual([
      { name: 'psnr', frameName: null, iteration: 100, value: 31 },
      { name: 'ssim', frameName: null, iteration: 100, value: 0.91 },
      { name: 'ssim', frameName: '1.png', iteration: 100, value: 1 },
    ]);
    expect(project.splats.metrics(second.id)).toEqual([]);
  });
});

describe('settings', () => {
  test('behave like a map', () => {
    const step = fc.record({
      key: fc.constantFrom('a', 'b', 'c'),
      value: fc.option(fc.jsonValue({ maxDepth: 2 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const model = new Map<string, unknown>();
        for (const key of ['a', 'b', 'c']) project.settings.delete(key);
        for (const { key, value } of steps) {
          if (value === undefined) {
            project.settings.delete(key);
            model.delete(key);
          } else {
            const json = z.json().parse(JSON.parse(JSON.stringify(value)));
            project.settings.set(key, json);
            model.set(key, json);
          }
        }
        for (const key of ['a', 'b', 'c']) expect(project.settings.get(key, z.json())).toEqual(model.get(key));
      }),
      { numRuns: 50 },
    );
  });

  test('a value that does not fit its schema counts as not set', () => {
    project.settings.set('threads', 'many');
    expect(project.settings.get('threads', z.number())).toBeUndefined();
  });
});

describe('paths and locks', () => {
  test('a folder named by a table cannot lead out of the project', () => {
    expect(project.insidePath('checkpoints/3')).toBe(join(root, 'a.liftscope', 'checkpoints', '3'));
    for (const path of ['..', '../other', '/etc', '.', 'a/../..'])
      expect(() => project.insidePath(path)).toThrow(/out of/);
  });

  test('a second training in the same project is refused until the first has let go', () => {
    const first = lockForTraining(project.folder);
    expect(() => lockForTraining(project.folder)).toThrow(/Another training is running/);
    first[Symbol.dispose]();
    lockForTraining(project.folder)[Symbol.dispose]();
  });
});
