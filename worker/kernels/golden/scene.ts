import type { BlendScene } from '../blending/reference.ts';
import type { GaussianParameters } from '../projection/index.ts';
import type { PinholeView } from '../shared/index.ts';
import type { SplatCase } from './schema.ts';

/** A case in the terms of our kernels. */
export function viewOf(golden: SplatCase): PinholeView {
  const { K, worldToCamera } = golden.inputs;
  return {
    widthPixels: golden.width,
    heightPixels: golden.height,
    fx: K[0],
    fy: K[4],
    cx: K[2],
    cy: K[5],
    cameraFromWorld: worldToCamera,
    nearPlane: golden.nearPlane,
  };
}

export function parametersOf(golden: SplatCase): GaussianParameters {
  const { means, quats_wxyz, logScales, logitOpacities, sh } = golden.inputs;
  return { means, quaternions: quats_wxyz, logScales, logitOpacities, sh, shDegree: golden.shDegree };
}

/** @param records [N, 16] projected records of the case's Gaussians. */
export function blendSceneOf(golden: SplatCase, records: ArrayLike<number>): BlendScene {
  return {
    widthPixels: golden.width,
    heightPixels: golden.height,
    records,
    features: golden.inputs.features,
    featureDim: golden.featureDim,
    background: golden.inputs.background,
    cutoffs: golden,
  };
}

export function upstreamOf(golden: SplatCase) {
  const { rgb, depth, alpha, features } = golden.upstream;
  return {
    rgb: Float64Array.from(rgb),
    depth: Float64Array.from(depth),
    alpha: Float64Array.from(alpha),
    features: Float64Array.from(features),
  };
}
