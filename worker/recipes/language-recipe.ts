/** What a recipe of a language field states: its parts, its parameters, and where each of them comes from. */
import type { LanguageParameters } from '../fields/index.ts';

export interface LanguageRecipe {
  readonly title: string;
  /** What it does and how it differs from the others, in a sentence or two. */
  readonly summary: string;
  /** The parts it is put together from, in order. */
  readonly parts: readonly string[];
  readonly parameters: LanguageParameters;
  /** Where parameters come from: the paper, the released program ("code"), or this program ("ours", with the reason). */
  readonly sources: Readonly<Record<string, string>>;
}
