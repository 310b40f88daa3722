/** A recipe on what was prepared: the trained field, and what is stored of it. */
import type { z } from 'zod';
import { type LanguageModel, type LanguageRecipe, LiftscopeError } from '../../contract/index.ts';
import type { Backend } from '../compute/index.ts';
import {
  embeddingsOfLevel,
  type LanguageField,
  type LanguageParameters,
  type LanguageProgress,
  trainLanguage,
} from '../fields/index.ts';
import { type LanguageFile, type StoredField, toBfloat16 } from '../language/index.ts';
import { mergedParameters } from '../lifting/index.ts';
import { LANGUAGE_RECIPES } from '../recipes/index.ts';
import type { PreparedLanguage } from './prepare.ts';

type Json = z.core.util.JSONType;

/** What a language recipe takes beside the parameters of its field. */
const PIPELINE_DEFAULTS = {
  /** Room around a segment in its crop, as a share of its longer side. */
  cropMargin: 0.3,
  /** What remains in the crop of what lies outside the segment. */
  cropContext: 0.3,
  /** Pixels of a view whose weights are kept. */
  pixelsPerView: 6000,
  /** Of the composite's weights; only nested fields have one. */
  temperature: 1,
};
export type PipelineParameters = typeof PIPELINE_DEFAULTS;

/** @throws LiftscopeError `bad-input` for a name that the recipe does not know, or a value of another kind */
export function recipeParameters(
  recipe: LanguageRecipe,
  given: Readonly<Record<string, Json>>,
): { pipeline: PipelineParameters; field: LanguageParameters } {
  const { cropMargin, cropContext, pixelsPerView, temperature, ...field } = mergedParameters(
    recipe,
    { ...parametersOf(recipe), ...PIPELINE_DEFAULTS },
    given,
  );
  const pipeline = { cropMargin, cropContext, pixelsPerView, temperature };
  const problem =
    (!(cropMargin >= 0 && cropMargin <= 4) && 'cropMargin must be 0 to 4') ||
    (!(cropContext >= 0 && cropContext <= 1) && 'cropContext must be 0 to 1') ||
    (!(Number.isInteger(pixelsPerView) && pixelsPerView >= 1) && 'pixelsPerView must be a whole number above 0') ||
    (!(temperature > 0) && 'temperature must be above 0');
  if (problem !== false) {
    throw new LiftscopeError({ code: 'bad-input', message: `Recipe ${recipe}: ${problem}.` });
  }
  return { pipeline, field: field as LanguageParameters };
}

function parametersOf(recipe: LanguageRecipe): LanguageParameters {
  const known: Readonly<Partial<Record<LanguageRecipe, { readonly parameters: LanguageParameters }>>> =
    LANGUAGE_RECIPES;
  const found = known[recipe];
  if (found !== undefined) return found.parameters;
  throw new LiftscopeError({ code: 'unsupported', message: `There is no recipe ${recipe} yet.` });
}

export interface TrainRecipeOptions {
  readonly backend: Backend;
  readonly means: Float32Array;
  readonly parameters: LanguageParameters;
  readonly seed: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: LanguageProgress) => void;
}

/** @throws LiftscopeError (`bad-input`, `cancelled`), OutOfMemoryError */
export function trainRecipe(prepared: PreparedLanguage, options: TrainRecipeOptions): Promise<LanguageField> {
  const { cache, frames, extent } = prepared;
  return trainLanguage({ ...options, cache, frames, extent });
}

/** What a file keeps of a field: levels that a network decodes are evaluated. */
async function storedField(backend: Backend, field: LanguageField, temperature: number): Promise<StoredField> {
  switch (field.kind) {
    case 'nested': {
      const { dimensions, theta, projection, levelDimensions, scaleEdges } = field;
      const step = levelDimensions[0] ?? dimensions;
      return {
        ...{ kind: 'nested', dimensions, step, temperature, projection },
        scaleEdges: [...scaleEdges],
        theta: toBfloat16(theta),
      };
    }
    case 'levels': {
      const levels = field.levels.map(({ name, embeddings }) => ({ name, embeddings: toBfloat16(embeddings) }));
      return { kind: 'levels', levels };
    }
    case 'decoded': {
      const levels: { name: string; embeddings: ReturnType<typeof toBfloat16> }[] = [];
      for (const [index, { name }] of field.levels.entries()) {
        levels.push({ name, embeddings: toBfloat16(await embeddingsOfLevel(backend, field, index)) });
      }
      return { kind: 'levels', levels };
    }
    default:
      return field satisfies never;
  }
}

/** @returns what `.language` files hold, and queries open */
export async function languageFile(
  backend: Backend,
  field: LanguageField,
  prepared: Pick<PreparedLanguage, 'visibility'>,
  about: {
    readonly model: LanguageModel;
    readonly recipe: LanguageRecipe;
    readonly parameters: Readonly<Record<string, Json>>;
    readonly seed: number;
    readonly temperature: number;
    readonly fingerprints: LanguageFile['header']['fingerprints'];
  },
): Promise<LanguageFile> {
  const { temperature, ...header } = about;
  return {
    header: { ...header, parameters: { ...header.parameters }, gaussians: field.gaussians, generator: 'liftscope' },
    field: await storedField(backend, field, temperature),
    visibility: prepared.visibility,
  };
}
