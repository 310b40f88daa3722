/** What is asked of the rasteriser about objects. */
import type { ObjectView, ViewImageRequest } from '../../../contract/index.ts';
import type { ViewState } from '../../state/index.ts';

type Look = NonNullable<ViewImageRequest['objects']>;

/** Shape and shading stay readable under the colours of `mixed`; `flat` is a label image in 3D. */
const TINTS: Record<ViewState['scene']['tint'], number> = { off: 0, mixed: 0.6, flat: 1 };

/**
 * Null where the model is to be seen as it is: nothing tinted, selected, hidden or isolated. Then any renderer will do; what
 * this says is drawn by our own rasteriser alone.
 */
export function objectLook(
  { tint, isolate }: Pick<ViewState['scene'], 'tint' | 'isolate'>,
  objects: readonly Pick<ObjectView, 'id' | 'hidden'>[],
  selected: readonly number[],
): Look | null {
  const known = new Set(objects.map(({ id }) => id));
  const chosen = selected.filter((id) => known.has(id));
  const alone = isolate && chosen.length > 0;
  if (tint === 'off' && !alone && chosen.length === 0 && objects.every(({ hidden }) => !hidden)) return null;
  // What stands alone needs no marking.
  const look = { tint: TINTS[tint], selected: alone ? [] : chosen };
  return alone ? { ...look, only: chosen } : look;
}
