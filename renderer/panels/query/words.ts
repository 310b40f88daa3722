/** What the panel says about answers. */
import { isHeldBack, type QueryAnswer, type QueryView, RELEVANCY_GATE } from '../../../contract/index.ts';
import { formatFixed } from '../../ui/index.ts';

export function formatRelevancy(value: number): string {
  return formatFixed(value, 2);
}

/** `“red”, “mug”`. */
export function quoted(words: readonly string[]): string {
  return words.map((word) => `“${word}”`).join(', ');
}

/** That nothing is an answer, and why: a negative fits as well, or a search over scales stayed below what its text model states. */
export function emptyAnswer(answer: Pick<QueryAnswer, 'maximum' | 'gate' | 'negatives'>): {
  readonly title: string;
  readonly reason: string;
} {
  const { maximum, gate, negatives } = answer;
  const nearest = `The nearest thing anywhere has a relevancy of ${formatRelevancy(maximum)}.`;
  if (isHeldBack(answer)) {
    const often = `Up to ${formatRelevancy(gate)} the loudest of all scales is often wrong with this text model.`;
    return {
      title: 'Too weak to be an answer.',
      reason: `${nearest} ${often} Say more about it, or look at one scale.`,
    };
  }
  const beaten = `Up to ${formatRelevancy(RELEVANCY_GATE)} one of the negatives (${quoted(negatives)}) fits it at least as well`;
  return { title: 'Nothing beats every negative.', reason: `${nearest} ${beaten}, so it is no answer.` };
}

/** What else was done to the text: that words are unknown is said already. */
export function otherNotes({ notes, unknownWords }: Pick<QueryAnswer, 'notes' | 'unknownWords'>): readonly string[] {
  if (unknownWords.length === 0) return notes;
  return notes.filter((note) => !unknownWords.every((word) => note.includes(word)));
}

/** Times of an answer: `12 ms, text 5 ms`. @param milliseconds from asking to the answer in this window */
export function timing(
  { stored, encodeMs, totalMs }: Pick<QueryAnswer, 'stored' | 'encodeMs' | 'totalMs'>,
  milliseconds: number | null,
): string {
  const here = milliseconds === null ? '' : ` · ${formatMs(milliseconds)} until here`;
  if (stored) return `kept in the project${here}`;
  return `answered in ${formatMs(totalMs)} · text ${formatMs(encodeMs)}${here}`;
}

function formatMs(value: number): string {
  return value < 10 ? `${formatFixed(value, 1)} ms` : `${Math.round(value)} ms`;
}

export type ScaleMode = 'composite' | 'best' | 'level';

/** How a query was asked; where `auto` left it to the field and its text model, the answer tells. */
export function scaleMode(scale: QueryView['scale'], used: QueryAnswer['scale']): ScaleMode {
  if (scale === 'auto') return used === 'composite' ? 'composite' : 'best';
  return typeof scale === 'number' ? 'level' : scale;
}

/** Saved ones first, by name; the others stay newest first. */
export function sortedQueries(queries: readonly QueryView[]): {
  readonly saved: readonly QueryView[];
  readonly history: readonly QueryView[];
} {
  const saved = queries.filter((query) => query.saved).toSorted((a, b) => a.text.localeCompare(b.text) || a.id - b.id);
  return { saved, history: queries.filter((query) => !query.saved) };
}

/** What makes a kept query another one than its words: `level 3 · against 2 negatives`. */
export function settingsOf({ scale, negatives }: QueryView, usual: readonly string[]): string {
  const same = negatives.length === usual.length && negatives.every((phrase, i) => phrase === usual[i]);
  const parts = [
    ...(scale === 'auto' ? [] : [typeof scale === 'number' ? `scale ${scale + 1}` : scale]),
    ...(same ? [] : [`not ${negatives.join(', ')}`]),
  ];
  return parts.join(' · ');
}

/** Where a scale's maximum stands in a strip of fixed range, 0 to 1. */
export const STRIP_RANGE = [0.25, 0.75] as const;
export function stripHeight(maximum: number): number {
  const [low, high] = STRIP_RANGE;
  return Number.isFinite(maximum) ? Math.max(0, Math.min(1, (maximum - low) / (high - low))) : 0;
}
