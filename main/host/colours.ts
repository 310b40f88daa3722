import { colourOfNumber, type ObjectRecord } from '../../contract/index.ts';

/** `#rrggbb` of an object, whether a person chose it or its number did. */
export function colorOf(colour: ObjectRecord['colour']): string {
  return typeof colour === 'string' ? colour : colourOfNumber(colour);
}
