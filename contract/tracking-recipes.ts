/**
 * `spatial`: 3D place, appearance, category and initial id, tuned for metres and unit features. `spatial-published`: the same with
 * the published costs and weights. `byte-track`: box overlap in two rounds of confidence. `appearance-only`.
 */
export const trackingRecipes = ['spatial', 'spatial-published', 'byte-track', 'appearance-only'] as const;
