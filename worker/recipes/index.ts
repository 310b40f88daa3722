/** @public door of worker/recipes */
import { associative, dino, linearAssignment, margin, vanilla, vanillaConcentration } from './baselines.ts';
import {
  contrastiveLift,
  contrastiveLiftWithNetwork,
  contrastiveLiftWithoutConcentration,
} from './contrastive-lift.ts';
import { gaussianClustering } from './gaussian-clustering.ts';
import { langsplat } from './langsplat.ts';
import { languageClosedForm } from './language-closed-form.ts';
import type { LanguageRecipe } from './language-recipe.ts';
import { lerf } from './lerf.ts';
import { n2f2, n2f2WithoutNesting, n2f2WithoutPlanes } from './n2f2.ts';
import type { FieldRecipe } from './recipe.ts';

/** Recipes that train a field, by name. @public */
export const FIELD_RECIPES = {
  'contrastive-lift': contrastiveLift,
  'contrastive-lift-without-concentration': contrastiveLiftWithoutConcentration,
  'contrastive-lift-network': contrastiveLiftWithNetwork,
  'gaussian-clustering': gaussianClustering,
  'linear-assignment': linearAssignment,
  vanilla,
  'vanilla-concentration': vanillaConcentration,
  associative,
  margin,
  dino,
} as const satisfies Record<string, FieldRecipe>;
/** Recipes of language fields, by name. @public */
export const LANGUAGE_RECIPES = {
  n2f2,
  'n2f2-without-nesting': n2f2WithoutNesting,
  'n2f2-without-planes': n2f2WithoutPlanes,
  lerf,
  langsplat,
  'language-closed-form': languageClosedForm,
} as const satisfies Record<string, LanguageRecipe>;
export { closedForm } from './closed-form.ts';
export type { LanguageRecipe } from './language-recipe.ts';
export { maskTracking2d } from './mask-tracking-2d.ts';
export type { FieldRecipe } from './recipe.ts';
