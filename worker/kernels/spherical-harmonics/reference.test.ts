import { describe, expect, it } from 'vitest';
import { checkGradients, expectClose, seededRandom } from '../testing/index.ts';
import {
  type ShDegree,
  shBasis,
  shBasisPartials,
  shCoefficientCount,
  shColour,
  shColourBackward,
} from './reference.ts';

const DEGREES: readonly ShDegree[] = [0, 1, 2, 3];

describe('spherical harmonics', () => {
  it('is an orthonormal basis of the sphere', () => {
    // Gauss-Legendre in z (exact to degree 7) times a uniform rule in the angle (exact below 16).
    const nodes = [-0.8611363115940526, -0.3399810435848563, 0.3399810435848563, 0.8611363115940526];
    const weights = [0.34785484513745385, 0.6521451548625461, 0.6521451548625461, 0.34785484513745385];
    const products = new Float64Array(256);
    nodes.forEach((z, node) => {
      for (let k = 0; k < 16; k++) {
        const angle = (2 * Math.PI * k) / 16;
        const ring = Math.sqrt(1 - z * z);
        const basis = shBasis(ring * Math.cos(angle), ring * Math.sin(angle), z, 3);
        for (let i = 0; i < 16; i++) {
          for (let j = 0; j < 16; j++) products[16 * i + j] += weights[node] * (Math.PI / 8) * basis[i] * basis[j];
        }
      }
    });
    const identity = Array.from({ length: 256 }, (_, i) => (i % 17 === 0 ? 1 : 0));
    expectClose('gram matrix', products, identity, { abs: 1e-12 });
  });

  it('has the signs of 3D Gaussian Splatting', () => {
    const signs = (x: number, y: number, z: number) => shBasis(x, y, z, 1).map(Math.sign);
    expect(signs(1, 0, 0)).toEqual([1, -0, 0, -1]);
    expect(signs(0, 1, 0)).toEqual([1, -1, 0, -0]);
    expect(signs(0, 0, 1)).toEqual([1, -0, 1, -0]);
  });

  it.each(DEGREES)('basis of degree %i agrees with its partial derivatives', (degree) => {
    const random = seededRandom(20 + degree);
    const [x, y, z] = random.fill(3, (r) => r.normal());
    const upstream = random.fill(shCoefficientCount(degree), (r) => r.normal());
    const partials = shBasisPartials(x, y, z, degree);
    expect(partials).toHaveLength(shCoefficientCount(degree));
    checkGradients({
      label: 'basis',
      seed: random.seed,
      inputs: { point: Float64Array.of(x, y, z) },
      loss: ({ point: [px, py, pz] }) => shBasis(px, py, pz, degree).reduce((sum, b, k) => sum + upstream[k] * b, 0),
      gradient: () => ({ point: [0, 1, 2].map((axis) => partials.reduce((s, p, k) => s + upstream[k] * p[axis], 0)) }),
      zero: degree === 0 ? ['point'] : [],
    });
  });

  it.each(DEGREES)(
    'colour of active degree %i has the right gradients, none for what is not active',
    (activeDegree) => {
      const random = seededRandom(30 + activeDegree);
      const cameraCentre = random.fill(3, (r) => r.normal());
      const upstream = random.fill(3, (r) => r.normal());
      const inputs = {
        mean: random.fill(3, (r) => 3 * r.normal()),
        sh: random.fill(48, (r) => 0.1 * r.normal()),
      };
      const gradient = shColourBackward({ ...inputs, cameraCentre, activeDegree }, upstream);
      checkGradients<'mean' | 'sh'>({
        label: 'colour',
        seed: random.seed,
        inputs,
        loss: (at) =>
          shColour({ mean: at.mean, sh: at.sh, cameraCentre, activeDegree }).reduce(
            (sum, c, k) => sum + upstream[k] * c,
            0,
          ),
        gradient: () => gradient,
        zero: activeDegree === 0 ? ['mean'] : [],
      });
      const active = 3 * shCoefficientCount(activeDegree);
      expect(gradient.sh.subarray(active).every((value) => value === 0)).toBe(true);
      expect(gradient.sh.subarray(0, active).every((value) => value !== 0)).toBe(true);
    },
  );

  it('clamps a negative channel to black, and that channel passes no gradient', () => {
    const inputs = {
      mean: [0, 0, 2],
      cameraCentre: [0, 0, 0],
      sh: [-5, 0.2, 0.2, ...new Array<number>(9).fill(0.1)],
      activeDegree: 1 as const,
    };
    expect(shColour(inputs)[0]).toBe(0);
    const { sh, mean } = shColourBackward(inputs, [1, 0, 0]);
    expect([...sh, ...mean].every((value) => value === 0)).toBe(true);
    expect(shColourBackward(inputs, [0, 1, 0]).sh[1]).toBeGreaterThan(0);
  });
});
