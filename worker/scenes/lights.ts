import type { Vec3 } from './linear.ts';
import type { LightPoint } from './render/index.ts';

/**
 * A square ceiling light of 12 points plus a ring of 4 weak points that fills the shadows. Each of the four samples of a pixel takes
 * every fourth point: three lamp points spread over the square and one ring point.
 */
export function roomLights(centre: Vec3, side: number, ringRadius: number, ringHeight: number): LightPoint[] {
  const lamp = Array.from({ length: 12 }, (_, k): LightPoint => {
    // The R2 sequence: consecutive points lie far apart, so every fourth ones do too.
    const [a, b] = [(0.5 + k * 0.7548776662466927) % 1, (0.5 + k * 0.5698402909980532) % 1];
    return { position: [centre[0] + (a - 0.5) * side, centre[1] + (b - 0.5) * side, centre[2]], weight: 0.8 / 12 };
  });
  const ring = Array.from({ length: 4 }, (_, k): LightPoint => {
    const angle = (2 * Math.PI * (k + 0.5)) / 4;
    return { position: [ringRadius * Math.cos(angle), ringRadius * Math.sin(angle), ringHeight], weight: 0.46 / 4 };
  });
  return [...lamp, ...ring];
}
