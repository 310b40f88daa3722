/** Every recipe by its name. */
import type { LiftingRecipe } from '../../contract/index.ts';
import type { LiftRecipe } from '../objects/index.ts';

const load: { readonly [R in LiftingRecipe]: () => Promise<LiftRecipe> } = {
  'closed-form': async () => (await import('../recipes/index.ts')).closedForm,
  'mask-tracking-2d': async () => (await import('../recipes/index.ts')).maskTracking2d,
  'contrastive-lift': () => trained('contrastive-lift'),
  'contrastive-lift-without-concentration': () => trained('contrastive-lift-without-concentration'),
  'contrastive-lift-network': () => trained('contrastive-lift-network'),
  'gaussian-clustering': () => trained('gaussian-clustering'),
  'linear-assignment': () => trained('linear-assignment'),
  vanilla: () => trained('vanilla'),
  'vanilla-concentration': () => trained('vanilla-concentration'),
  associative: () => trained('associative'),
  margin: () => trained('margin'),
  dino: () => trained('dino'),
};

/** Recipes that train a field. */
export type TrainedRecipe = Exclude<LiftingRecipe, 'closed-form' | 'mask-tracking-2d'>;

async function trained(name: TrainedRecipe): Promise<LiftRecipe> {
  const { liftByField } = await import('./trained.ts');
  return (input) => liftByField(name, input);
}

export function recipeNamed(name: LiftingRecipe): Promise<LiftRecipe> {
  return load[name]();
}
