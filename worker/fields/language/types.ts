/** What language fields are trained from, and what they are when trained (methods section 3). */
import type { PinholeView } from '../../kernels/index.ts';
import type { LanguageParameters } from './parameters.ts';

/** A segment of one image: a part, an object or a group of objects. */
export interface LanguageSegment {
  /** Row-major pixels, ascending. */
  readonly pixels: Uint32Array;
  /** In [0, 1]. */
  readonly confidence: number;
  /** [E] unit embedding of the masked crop. */
  readonly embedding: Float32Array;
  /** Physical scale: largest eigenvalue of the covariance of the lifted pixels, in squared world units. */
  readonly scale: number;
}

/** One posed image. Segments may overlap, and say nothing about segments of other images. */
export interface LanguageFrame {
  readonly name: string;
  readonly view: PinholeView;
  readonly segments: readonly LanguageSegment[];
}

/** A linear layer in host memory; a ReLU between two. */
export interface NetworkLayer {
  /** [inputs, outputs] */
  readonly weights: Float32Array;
  /** [outputs] */
  readonly bias: Float32Array;
}

/** What turns rows of features (of a Gaussian, or rendered at a pixel) into embeddings. */
export interface LanguageNetwork {
  readonly layers: readonly NetworkLayer[];
}

interface FieldBase {
  readonly gaussians: number;
  /** E */
  readonly embeddingDimensions: number;
  readonly report: LanguageReport;
}

/** N2F2: the first M dimensions of a row, through W, are its embedding at one scale. */
export interface NestedField extends FieldBase {
  readonly kind: 'nested';
  /** D */
  readonly dimensions: number;
  /** [N, D] Θ of every Gaussian. */
  readonly theta: Float32Array;
  /** [E, D] W. */
  readonly projection: Float32Array;
  /** Dimensions in use at each level that was trained, ascending: k, 2k, …; the finest physical scale uses all. */
  readonly levelDimensions: Uint32Array;
  /** [levels − 1] ascending quantiles of physical scale: a segment with b of them at or below its own uses k (levels − b). */
  readonly scaleEdges: Float32Array;
}

/** Embeddings of every Gaussian at some levels, as they are. */
export interface LevelsField extends FieldBase {
  readonly kind: 'levels';
  /** embeddings [N, E], not normalised; zeros where nothing was seen. */
  readonly levels: readonly { readonly name: string; readonly embeddings: Float32Array }[];
}

/**
 * Features of every Gaussian at some levels, and the network that turns them into embeddings. LERF-style: all levels share
 * one array of features and differ by what is appended to each row; LangSplat-style: a latent code per level.
 */
export interface DecodedField extends FieldBase {
  readonly kind: 'decoded';
  /** C */
  readonly channels: number;
  readonly network: LanguageNetwork;
  /** features [N, C]; condition: values appended to every row before the network. */
  readonly levels: readonly {
    readonly name: string;
    readonly features: Float32Array;
    readonly condition: readonly number[];
  }[];
}

export type LanguageField = NestedField | LevelsField | DecodedField;

export interface LanguageReport {
  readonly parameters: LanguageParameters;
  readonly seed: number;
  /** Wall time of the whole. */
  readonly seconds: number;
  readonly losses: readonly { readonly step: number; readonly loss: number }[];
  /** Wall time of a step: the middle one; 0 without training. */
  readonly millisecondsPerStep: number;
  /** Gaussians that no segment said anything about, where that is known. */
  readonly unseenGaussians?: number;
  /** Other figures of the method, by name. */
  readonly figures: Readonly<Record<string, number>>;
}

export interface LanguageProgress {
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  readonly secondsLeft: number;
}
