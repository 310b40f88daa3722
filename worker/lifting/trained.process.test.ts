import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clusteringParametersSchema } from '../../contract/index.ts';
import { webgpuTests } from '../compute/conformance/suite.ts';
import { WebgpuBackend } from '../compute/index.ts';
import { adjustedRandIndex } from '../metrics/index.ts';
import { type LiftInput, objectsOfGaussians } from '../objects/index.ts';
import { type LabelledWorld, labelledWorld, OBJECTS, relabelled } from '../objects/lifting/testing.ts';
import { liftByField } from './trained.ts';

let world: LabelledWorld;
beforeAll(async () => {
  world = await labelledWorld(6);
});
afterAll(() => world.backend.dispose());

function input(parameters: LiftInput['parameters'], on = world): LiftInput {
  const { backend, splats, model, reader, views, truth } = on;
  return {
    ...{ backend, splats, model, reader, parameters, seed: 1, consistentIds: false },
    frames: views.map((view, v) => ({ name: `${v}`, view, segments: relabelled(truth[v]!, v) })),
    clustering: clusteringParametersSchema.parse({
      viewpoints: 8,
      samples: 6000,
      sweepFrom: 300,
      sweepTo: 3000,
      sweepStep: 300,
    }),
  };
}

function agreement(objectOfGaussian: Uint32Array): number {
  const own = [...world.objectOf.keys()].filter((i) => world.objectOf[i]! > 0);
  return adjustedRandIndex(
    Int32Array.from(own, (i) => objectOfGaussian[i]!),
    Int32Array.from(own, (i) => world.objectOf[i]!),
  );
}

webgpuTests('liftByField', () => {
  it('finds the objects by slow-fast', async () => {
    const onWebgpu = await labelledWorld(6, () => WebgpuBackend.create({ allowSoftware: true }));
    try {
      const { lifted } = await liftByField('contrastive-lift', input({ steps: 250, batchPixels: 256 }, onWebgpu));
      expect(lifted.objects).toBe(OBJECTS);
      expect(agreement(objectsOfGaussians(lifted).objectOfGaussian)).toBeGreaterThan(0.8);
    } finally {
      await onWebgpu.backend.dispose();
    }
  });

  it('trains a network', async () => {
    const onWebgpu = await labelledWorld(6, () => WebgpuBackend.create({ allowSoftware: true }));
    try {
      const field = { kind: 'mlp', layers: 3, width: 32, frequencies: 2 };
      const parameters = { steps: 40, batchPixels: 128, field };
      const lossOf = async (on: LabelledWorld) => {
        const { report } = await liftByField('contrastive-lift', input(parameters, on));
        return (report.field as unknown as { losses: { loss: number }[] }).losses.at(-1)!.loss;
      };
      const [actual, expected] = [await lossOf(onWebgpu), await lossOf(world)];
      expect(Math.abs(actual - expected)).toBeLessThan(0.02 * expected);
    } finally {
      await onWebgpu.backend.dispose();
    }
  });
});

describe('liftByField', () => {
  it('finds the objects by slow-fast, with a trained semantic field', async () => {
    const { lifted, parameters, report } = await liftByField(
      'contrastive-lift',
      input({ steps: 250, batchPixels: 256, semantics: 'trained', semanticSteps: 150 }),
    );
    expect(lifted.objects).toBe(OBJECTS);
    expect(agreement(objectsOfGaussians(lifted).objectOfGaussian)).toBeGreaterThan(0.8);
    expect(parameters).toMatchObject({ steps: 250, semantics: 'trained', loss: { kind: 'slow-fast' } });
    expect(report.clustering).toMatchObject({ objects: OBJECTS });
    const walls = [...world.objectOf.keys()].filter((i) => world.objectOf[i] === 0);
    const background = walls.filter((i) => lifted.foreground[i]! <= 0.5).length / walls.length;
    expect(background).toBeGreaterThan(0.8);
  });

  it('starts where the closed form ended', async () => {
    const { lifted } = await liftByField('vanilla', input({ steps: 5, batchPixels: 64, warmStart: 'closed-form' }));
    expect(lifted.objects).toBe(OBJECTS);
    expect(agreement(objectsOfGaussians(lifted).objectOfGaussian)).toBeGreaterThan(0.9);
  });

  it('keeps the slots of a linear assignment that win somewhere', async () => {
    const { lifted, report } = await liftByField(
      'linear-assignment',
      input({ steps: 200, batchPixels: 256, dimensions: 12 }),
    );
    expect(report.slots).toBe(12);
    expect(report.slotsUsed).toBe(lifted.objects);
    expect(lifted.objects).toBeGreaterThanOrEqual(OBJECTS - 1);
    expect(lifted.objects).toBeLessThanOrEqual(12);
  });

  it('learns from fewer pixels where the weights of all do not fit, and says so', async () => {
    const given = { steps: 250, batchPixels: 256 };
    const all = await liftByField('contrastive-lift', input(given));
    expect(all.warnings).toBeUndefined();
    const less = await liftByField('contrastive-lift', input({ ...given, weightsMB: 0.2 }));
    expect(less.warnings?.[0]).toMatch(/random pixels of each image/);
    const bytes = ({ report }: typeof all) => (report.weights as { bytes: number }).bytes;
    expect(bytes(less)).toBeLessThan(0.25e6);
    expect(bytes(less)).toBeLessThan(bytes(all) / 2);
    expect(agreement(objectsOfGaussians(less.lifted).objectOfGaussian)).toBeGreaterThan(0.7);
  });

  it('names what it does not know', async () => {
    await expect(liftByField('vanilla', input({ step: 5 }))).rejects.toThrow(/"step"/);
    await expect(liftByField('vanilla', input({ steps: 'many' }))).rejects.toThrow(/no number/);
    await expect(liftByField('vanilla', input({ semantics: 'guess' }))).rejects.toThrow(/vote or trained|guess/);
  });
});
