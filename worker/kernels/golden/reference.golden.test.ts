import { describe, expect, it } from 'vitest';
import { blend, blendBackward } from '../blending/reference.ts';
import { projectGaussians, projectGaussiansBackward, projectGeometry } from '../projection/index.ts';
import {
  expectClose,
  expectCloseOutsideBand,
  expectNoMissingGradient,
  expectVectorAgreement,
} from '../testing/index.ts';
import { blendSceneOf, loadSplatCases, parametersOf, upstreamOf, viewOf } from './index.ts';

/** Golden files keep nine decimals, and the smallest conics of a close-up are of the order 1e-5. */
const FILE_ABS = 1e-9;

describe.each(loadSplatCases())('float64 reference on golden case $name', ({ golden }) => {
  const view = viewOf(golden);
  const parameters = parametersOf(golden);
  const scene = blendSceneOf(golden, projectGaussians(parameters, view));
  const ambiguous = new Set(golden.ambiguousPixels);
  const bandOf = (channels: number) => ({
    inBand: (index: number) => ambiguous.has(Math.floor(index / channels)),
    jump: 1e3,
    maxShare: 0.05,
  });

  it('draws the same Gaussians at the same place and with the same shape', () => {
    let drawnCount = 0;
    for (let i = 0; i < golden.N; i++) {
      const geometry = projectGeometry(parameters, i, view);
      expect(geometry !== undefined, `Gaussian ${i} drawn`).toBe(golden.drawn[i] === 1);
      if (geometry === undefined) continue;
      drawnCount++;
      const [xx, xy, yy] = geometry.covariance;
      const conic = [yy, -xy, xx].map((value) => value / geometry.determinant);
      expectClose(`conic ${i}`, conic, golden.outputs.conics.slice(3 * i, 3 * i + 3), { abs: FILE_ABS, rel: 1e-6 });
      const mean = golden.outputs.means2d.slice(2 * i, 2 * i + 2);
      expectClose(`mean ${i}`, [geometry.x, geometry.y], mean, { abs: 1e-6, rel: 1e-6 });
      expectClose(`depth ${i}`, [geometry.depth], [golden.outputs.depths[i]], { abs: FILE_ABS, rel: 1e-7 });
    }
    expect(drawnCount).toBeGreaterThan(0);
  });

  it('renders the same images', () => {
    const outputs = blend(scene);
    for (const kind of ['rgb', 'depth', 'alpha', 'features'] as const) {
      const channels = golden.outputs[kind].length / (golden.width * golden.height);
      expectCloseOutsideBand(kind, outputs[kind], golden.outputs[kind], { abs: 1e-7 }, bandOf(channels));
    }
    expectCloseOutsideBand('contributors', outputs.contributors, golden.outputs.contributors, { abs: 0.5 }, bandOf(1));
  });

  it('has the same gradients', () => {
    const screen = blendBackward(scene, upstreamOf(golden));
    const gradients = projectGaussiansBackward(parameters, view, screen.records);
    const shColumns = 3 * (golden.shDegree + 1) ** 2;
    const kinds = [
      { name: 'means', actual: gradients.means, expected: golden.gradients.means, columns: 3 },
      { name: 'quaternions', actual: gradients.quaternions, expected: golden.gradients.quats_wxyz, columns: 4 },
      { name: 'logScales', actual: gradients.logScales, expected: golden.gradients.logScales, columns: 3 },
      { name: 'opacities', actual: gradients.logitOpacities, expected: golden.gradients.logitOpacities, columns: 1 },
      { name: 'sh', actual: gradients.sh, expected: golden.gradients.sh, columns: shColumns },
      { name: 'features', actual: screen.features, expected: golden.gradients.features, columns: golden.featureDim },
    ];
    for (const { name, actual, expected, columns } of kinds) {
      expectClose(name, actual, expected, { abs: FILE_ABS, rel: 1e-7, scale: 'largest' });
      expectVectorAgreement(name, actual, expected, { minCosine: 1 - 1e-9, normRel: 1e-6 });
      // A zero in the file may be a value below its last decimal.
      const written = actual.map((value) => (Math.abs(value) < FILE_ABS ? 0 : value));
      expectNoMissingGradient(name, written, expected, columns);
    }
  });
});
