import { OBJECT_PALETTE, type ObjectRecord } from '../../contract/index.ts';

/** `#rrggbb` of an object, whether a person chose it or its number did. */
export function colorOf(colour: ObjectRecord['colour']): string {
  return typeof colour === 'string' ? colour : (OBJECT_PALETTE[colour % OBJECT_PALETTE.length] ?? '#999999');
}
