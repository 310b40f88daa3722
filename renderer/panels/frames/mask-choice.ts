import { type MaskSetSummary, OBJECT_MASKS } from '../../../contract/index.ts';

/** What is shown where: what was chosen, as long as it is there, else what a person would want to see. */
export function chooseMasks(
  sets: readonly MaskSetSummary[],
  observed: boolean,
  chosen: string | null,
  chosenBefore: string | null,
): {
  readonly shown: string | null;
  readonly before: string | null;
  readonly given: readonly MaskSetSummary[];
  /** The other of given and lifted masks; null where there is only one of them. */
  readonly flipped: string | null;
} {
  const given = sets.filter(({ provenance }) => provenance !== 'lifted');
  const names = new Set(sets.map(({ name }) => name));
  const exists = (name: string | null): name is string =>
    name !== null && (name === OBJECT_MASKS ? observed : names.has(name));
  const shown = exists(chosen) ? chosen : observed ? OBJECT_MASKS : (sets.at(-1)?.name ?? null);
  // The newest given set is most likely what the newest lift was made of.
  const newest = given.at(-1)?.name ?? null;
  const before = given.some(({ name }) => name === chosenBefore) ? chosenBefore : newest;
  const flipped = shown === OBJECT_MASKS ? before : observed ? OBJECT_MASKS : null;
  return { shown, before: observed ? before : null, given, flipped };
}
