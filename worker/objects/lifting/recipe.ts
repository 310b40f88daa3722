/** What every lifting recipe gets and gives. */
import type { z } from 'zod';
import type { ClusteringParameters } from '../../../contract/index.ts';
import type { Backend } from '../../compute/index.ts';
import type { SplatArrays, SplatModel } from '../../splats/index.ts';
import type { PosedSegments } from './evidence.ts';
import type { LiftedGaussians } from './lifted.ts';
import type { WeightReader } from './weights.ts';

export interface NamedSegments extends PosedSegments {
  readonly name: string;
}

export interface LiftInput {
  readonly backend: Backend;
  readonly splats: SplatArrays;
  /** `splats` on the device. */
  readonly model: SplatModel;
  readonly reader: WeightReader;
  readonly frames: readonly NamedSegments[];
  /** Equal ids in different frames are the same object. */
  readonly consistentIds: boolean;
  /** Overrides of the recipe's parameters. */
  readonly parameters: Readonly<Record<string, z.core.util.JSONType>>;
  readonly clustering: ClusteringParameters;
  readonly seed: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (stage: string, done: number, total: number) => void;
}

export interface LiftOutcome {
  readonly lifted: LiftedGaussians;
  /** Everything that was used, defaults filled in. */
  readonly parameters: Readonly<Record<string, z.core.util.JSONType>>;
  readonly report: Readonly<Record<string, z.core.util.JSONType>>;
  /** What was left out, and why. */
  readonly warnings?: readonly string[];
  /** By stage. */
  readonly seconds: Readonly<Record<string, number>>;
}

export type LiftRecipe = (input: LiftInput) => Promise<LiftOutcome>;
