import { z } from 'zod';

const numbers = z.array(z.number());

/** Bound on any count in a case, so that a damaged file cannot ask for gigabytes. */
const MAX_COUNT = 100_000;
const count = z.int().min(0).max(MAX_COUNT);

const images = z.object({ rgb: numbers, depth: numbers, alpha: numbers, features: numbers });

const parameters = z.object({
  means: numbers,
  quats_wxyz: numbers,
  logScales: numbers,
  logitOpacities: numbers,
  sh: numbers,
  features: numbers,
});

/**
 * One scene seen by one camera: inputs, outputs and the gradients of L = sum of upstream · output, all flat and
 * row-major. `ambiguousPixels` sit on a threshold: they are exempt from comparison and their upstream is 0.
 */
export const splatCaseSchema = z
  .object({
    seed: z.int(),
    N: count,
    width: z.int().min(1).max(MAX_COUNT),
    height: z.int().min(1).max(MAX_COUNT),
    shDegree: z.union([z.literal(0), z.literal(1), z.literal(2), z.literal(3)]),
    featureDim: count,
    eps2d: z.number(),
    nearPlane: z.number().positive(),
    alphaMin: z.number(),
    alphaMax: z.number(),
    stopTransmittance: z.number(),
    inputs: parameters.extend({
      worldToCamera: numbers.length(16),
      K: numbers.length(9),
      background: numbers.length(3),
    }),
    exercised: z.record(z.string(), count),
    ambiguousPixels: z.array(count),
    drawn: z.array(z.union([z.literal(0), z.literal(1)])),
    outputs: images.extend({
      contributors: z.array(count),
      means2d: numbers,
      depths: numbers,
      conics: numbers,
    }),
    upstream: images,
    gradients: parameters,
  })
  .superRefine((value, context) => {
    const pixels = value.width * value.height;
    const n = value.N;
    const parameterLengths = {
      means: 3 * n,
      quats_wxyz: 4 * n,
      logScales: 3 * n,
      logitOpacities: n,
      sh: 3 * n * (value.shDegree + 1) ** 2,
      features: n * value.featureDim,
    };
    const imageLengths = { rgb: 3 * pixels, depth: pixels, alpha: pixels, features: pixels * value.featureDim };
    const outputLengths = { ...imageLengths, contributors: pixels, means2d: 2 * n, depths: n, conics: 3 * n };
    const require = (path: string, array: readonly unknown[], length: number) => {
      if (array.length !== length) {
        context.addIssue({
          code: 'custom',
          path: path.split('.'),
          message: `${array.length} values, expected ${length}`,
        });
      }
    };
    require('drawn', value.drawn, n);
    for (const [name, length] of Object.entries(parameterLengths)) {
      const key = name as keyof typeof parameterLengths;
      require(`inputs.${name}`, value.inputs[key], length);
      require(`gradients.${name}`, value.gradients[key], length);
    }
    for (const [name, length] of Object.entries(outputLengths)) {
      require(`outputs.${name}`, value.outputs[name as keyof typeof outputLengths], length);
    }
    for (const [name, length] of Object.entries(imageLengths)) {
      require(`upstream.${name}`, value.upstream[name as keyof typeof imageLengths], length);
    }
    if (value.ambiguousPixels.some((pixel) => pixel >= pixels)) {
      context.addIssue({ code: 'custom', path: ['ambiguousPixels'], message: `a pixel is not below ${pixels}` });
    }
  });

export type SplatCase = z.infer<typeof splatCaseSchema>;
