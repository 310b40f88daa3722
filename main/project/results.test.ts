import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { MaskSetInfo } from '../../contract/index.ts';
import type { ArtifactName } from './artifacts.ts';
import { openProject, type Project } from './project.ts';
import { sampleCapture, sampleRecords } from './samples.ts';

let root: string;
let project: Project;
let captureId: number;
let artifact: ArtifactName;
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'liftscope-results-'));
  project = await openProject(join(root, 'a.liftscope'), { create: true });
  captureId = project.captures.add(sampleCapture(), undefined, {});
  project.edits.apply('Add', { added: sampleRecords(captureId), updated: [], removed: [] });
  artifact = await project.artifacts.put(Uint8Array.of(1), 'bin');
});
afterEach(() => {
  project.close();
  rmSync(root, { recursive: true, force: true });
});

describe('objects', () => {
  test('know the frames they are observed in, each frame once', () => {
    expect(project.objects.spans(captureId)).toEqual([
      { objectId: 1, frames: 2, firstFrame: 0, lastFrame: 1 },
      { objectId: 2, frames: 1, firstFrame: 1, lastFrame: 1 },
    ]);
    project.edits.applyObjectEdit(captureId, { type: 'merge-objects', into: 1, ids: [2] });
    expect(project.observations.ofObject(1)).toHaveLength(2);
    expect(project.objects.spans(captureId)).toEqual([{ objectId: 1, frames: 2, firstFrame: 0, lastFrame: 1 }]);
  });

  test('have their geometry back when their removal is taken back', () => {
    const rows = [1, 2].map((objectId) => {
      return { objectId, centroid: [objectId, 0.5, -3] as [number, number, number], gaussians: 10, confidence: 0.5 };
    });
    const { revision } = project.revision;
    project.objects.setGeometry(rows, null);
    expect(project.revision.revision).toBe(revision + 1);
    const moved = { ...rows[0]!, centroid: [9, 9, 9] as [number, number, number], confidence: null };
    project.objects.setGeometry([moved], null);
    expect(project.objects.geometry(captureId)).toEqual([moved, rows[1]]);
    project.edits.applyObjectEdit(captureId, { type: 'delete-objects', ids: [2] });
    expect(project.objects.geometry(captureId)).toEqual([moved]);
    project.edits.undo();
    expect(project.objects.geometry(captureId)).toEqual([moved, rows[1]]);
    expect(() => project.objects.setGeometry([{ ...moved, confidence: 2 }], null)).toThrow();
    expect(() => project.objects.setGeometry([{ ...moved, centroid: [0, Number.NaN, 0] }], null)).toThrow();
  });
});

describe('mask sets', () => {
  const info = (kind: MaskSetInfo['provenance']['kind']): MaskSetInfo => ({
    ...{ name: 'segments', consistentIds: false, classes: [{ id: 1, name: 'pot', isThing: true }] },
    provenance: { kind, source: 'test' },
  });
  const set = (kind: MaskSetInfo['provenance']['kind'], frames: number) => ({
    ...{ captureId, info: info(kind), artifact, frames, jobId: null },
  });

  test("are replaced by name, a person's only by a person's", () => {
    const first = project.maskSets.add(set('model', 1));
    const { revision } = project.revision;
    const second = project.maskSets.add(set('human', 2));
    expect(project.revision.revision).toBe(revision + 1);
    expect(second.id).toBe(first.id);
    expect(() => project.maskSets.add(set('model', 3))).toThrow(/made by a person/);
    expect(project.maskSets.add(set('human', 4)).frames).toBe(4);
    expect(project.maskSets.list(captureId)).toHaveLength(1);
    expect(project.maskSets.get(captureId, 'segments')).toMatchObject({ info: info('human'), frames: 4, artifact });
    expect(project.maskSets.get(captureId, 'other')).toBeUndefined();
  });
});

describe('queries, fields and models', () => {
  test('are read back as they were put; a query takes its maps with it', () => {
    const splats = project.splats.add({ captureId, jobId: null, artifact, gaussians: 1, shDegree: 0 });
    const field = project.fields.add({
      ...{ splatsId: splats.id, jobId: null, kind: 'language', recipe: 'r', dimensions: 8, artifact },
      options: { steps: 10 },
    });
    expect(project.fields.list(splats.id)).toEqual([field]);
    expect(project.fields.list(splats.id, 'instance')).toEqual([]);
    const asked = {
      ...{ captureId, text: 'a red mug', negatives: ['object', 'stuff'], threshold: 0.5, saved: false },
      scale: 'composite' as const,
    };
    const query = project.queries.add(asked);
    expect(query).toMatchObject(asked);
    project.queries.putMap(query.id, { fieldId: field.id, position: null, artifact, answer: '{"found":true}' });
    project.queries.putMap(query.id, { fieldId: field.id, position: 1, artifact, answer: null });
    const other = `${'0'.repeat(64)}.png` as ArtifactName;
    project.queries.putMap(query.id, { fieldId: field.id, position: null, artifact: other, answer: null });
    expect(project.queries.maps(query.id)).toEqual([
      { fieldId: field.id, position: null, artifact: other, answer: null },
      { fieldId: field.id, position: 1, artifact, answer: null },
    ]);
    expect(project.queries.get(query.id)).toEqual(query);
    const saved = { type: 'query' as const, ...query, saved: true, threshold: 0.75 };
    project.edits.apply('Save', { added: [], updated: [[{ type: 'query', ...query }, saved]], removed: [] });
    const last = project.queries.add({ ...asked, text: 'handle', scale: 3 });
    expect(project.queries.list(captureId, 10)).toEqual([last, { ...query, saved: true, threshold: 0.75 }]);
    project.queries.prune(captureId, 0);
    expect(project.queries.list(captureId, 10)).toHaveLength(1);
    project.edits.apply('Remove', { added: [], updated: [], removed: [saved] });
    expect(project.queries.list(captureId, 10)).toEqual([]);
    expect(project.queries.maps(query.id)).toEqual([]);
    // An id is not given again: what was removed can come back under its own.
    expect(project.queries.add(asked).id).toBe(last.id + 1);
    expect(project.edits.undo()?.skipped).toEqual([]);
    expect(project.edits.undo()?.skipped).toEqual([]);
    expect(project.queries.get(query.id)).toEqual(query);

    const model = { name: 'tiny', sha256: 'a'.repeat(64), licence: 'MIT', manifest: { inputs: ['image'] } };
    expect(project.models.use(model)).toBe(project.models.use(model));
    expect(project.models.list()).toEqual([{ id: 1, ...model }]);
  });
});
