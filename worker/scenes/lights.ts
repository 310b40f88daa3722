import type { Vec3 } from './linear.ts';
import type { LightPoint } from './render/index.ts';

/**
 * A square ceiling light of 4 x 4 points plus a ring of 8 weak points that fills the shadows. The order interleaves both, so that
 * each of the four samples of a pixel takes four lamp points spread over the square and two ring points.
 */
export function roomLights(centre: Vec3, side: number, ringRadius: number, ringHeight: number): LightPoint[] {
  const lamp: LightPoint[] = [];
  for (let group = 0; group < 4; group++) {
    for (let k = 0; k < 4; k++) {
      // A Latin arrangement: every group has one point in each row and each column of the 4 x 4 square.
      const [row, column] = [k, (group + [0, 2, 1, 3][k]!) % 4];
      lamp.push({
        position: [centre[0] + (row / 3 - 0.5) * side, centre[1] + (column / 3 - 0.5) * side, centre[2]],
        weight: 0.78 / 16,
      });
    }
  }
  const ring: LightPoint[] = Array.from({ length: 8 }, (_, k) => {
    const angle = (2 * Math.PI * (k + 0.5)) / 8;
    return {
      position: [ringRadius * Math.cos(angle), ringRadius * Math.sin(angle), ringHeight],
      weight: 0.5 / 8,
    };
  });
  const lights: LightPoint[] = [];
  for (let k = 0; k < 6; k++) {
    for (let group = 0; group < 4; group++) {
      lights.push(k < 4 ? lamp[4 * group + k]! : ring[(group * 2 + (k - 4) + (k - 4) * 3) % 8]!);
    }
  }
  return lights;
}
