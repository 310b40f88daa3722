/**
 * Key chords. `Mod` is Ctrl, or Command on a Mac. The last part is a `KeyboardEvent.key` (`z`, `F1`, `?`: what the key types), or with
 * `code:` a `KeyboardEvent.code` (`code:KeyW`: where the key is, for hands that rest on WASD whatever the layout).
 */

export interface KeyPress {
  readonly key: string;
  readonly code: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly shiftKey: boolean;
  readonly altKey: boolean;
}

interface Chord {
  readonly mod: boolean;
  readonly shift: boolean;
  readonly alt: boolean;
  readonly key: string | null;
  readonly code: string | null;
}

export function parseChord(text: string): Chord {
  const parts = text.split(/\+(?=.)/);
  const last = parts.at(-1) ?? '';
  const code = last.startsWith('code:') ? last.slice(5) : null;
  return {
    mod: parts.slice(0, -1).includes('Mod'),
    shift: parts.slice(0, -1).includes('Shift'),
    alt: parts.slice(0, -1).includes('Alt'),
    key: code === null ? (last === 'Space' ? ' ' : last.toLowerCase()) : null,
    code,
  };
}

export function matches(chord: string, press: KeyPress, mac: boolean): boolean {
  const wanted = parseChord(chord);
  const mod = mac ? press.metaKey : press.ctrlKey;
  const other = mac ? press.ctrlKey : press.metaKey;
  if (mod !== wanted.mod || other || press.altKey !== wanted.alt) return false;
  if (wanted.code !== null) return press.code === wanted.code && press.shiftKey === wanted.shift;
  if (press.key.toLowerCase() !== wanted.key) return false;
  // A sign like `?` may need Shift on one layout and not on another; letters and named keys mean what they say.
  const sign = wanted.key !== null && wanted.key.length === 1 && !/[a-z ]/.test(wanted.key);
  return sign || press.shiftKey === wanted.shift;
}

const NAMES: Record<string, string> = {
  ' ': 'Space',
  arrowleft: '←',
  arrowright: '→',
  arrowup: '↑',
  arrowdown: '↓',
  escape: 'Esc',
  delete: 'Del',
};

function lastPart(chord: string): string {
  const { key, code } = parseChord(chord);
  if (code !== null) return code.replace(/^(Key|Digit)/, '');
  return NAMES[key ?? ''] ?? (key ?? '').replace(/^./, (letter) => letter.toUpperCase());
}

/** As people read it: `Ctrl+Shift+Z`, on a Mac `⌘+⇧+Z`. */
export function formatChord(chord: string, mac: boolean): string {
  const { mod, shift, alt } = parseChord(chord);
  return [mod && (mac ? '⌘' : 'Ctrl'), alt && (mac ? '⌥' : 'Alt'), shift && (mac ? '⇧' : 'Shift'), lastPart(chord)]
    .filter((part) => part !== false)
    .join('+');
}

/** As Electron's menus write it. */
export function acceleratorOf(chord: string): string {
  const { mod, shift, alt, key } = parseChord(chord);
  const arrows: Record<string, string> = { arrowleft: 'Left', arrowright: 'Right', arrowup: 'Up', arrowdown: 'Down' };
  const last = arrows[key ?? ''] ?? lastPart(chord);
  return [mod && 'CmdOrCtrl', alt && 'Alt', shift && 'Shift', last].filter((part) => part !== false).join('+');
}
