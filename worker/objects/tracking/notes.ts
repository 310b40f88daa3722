/** What was odd in the input, by kind: counted without bound, told with one. */

export type TrackingNoteKind =
  | 'id-out-of-range'
  | 'id-twice'
  | 'category-changed'
  | 'feature-length'
  | 'feature-not-finite'
  | 'location-not-finite'
  | 'no-segments'
  | 'no-pose'
  | 'no-depth'
  | 'depth-from-previous'
  | 'mean-pixel-outside'
  | 'locked-twice'
  | 'lock-without-segment';

const MAX_MESSAGES_PER_KIND = 5;

export class TrackingNotes {
  readonly counts: Partial<Record<TrackingNoteKind, number>> = {};
  readonly messages: string[] = [];

  add(kind: TrackingNoteKind, message: string): void {
    const seen = this.counts[kind] ?? 0;
    this.counts[kind] = seen + 1;
    if (seen < MAX_MESSAGES_PER_KIND) this.messages.push(`${kind}: ${message}`);
  }
}
