/** Which frame a mask belongs to, by what masks are called in practice. */

/** A frame that wants masks. */
export interface MaskFrame {
  /** Path relative to the capture's images folder. */
  readonly name: string;
  readonly width: number;
  readonly height: number;
}

export type Match = MaskFrame | 'ambiguous' | undefined;

export function stemOf(name: string): string {
  return name.replace(/\.[A-Za-z0-9]{1,5}$/, '');
}

export function baseOf(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}

/** The last number in a name, its extension aside: 12 for `cam1/frame_0012.png`. */
export function numberOf(name: string): number | undefined {
  const digits = /(\d{1,15})\D*$/.exec(stemOf(baseOf(name)))?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** A table from key to frame, which knows when a key is of several. */
class Table<K> {
  readonly #entries = new Map<K, MaskFrame | 'ambiguous'>();

  add(key: K | undefined, frame: MaskFrame): void {
    if (key === undefined) return;
    const known = this.#entries.get(key);
    if (known === undefined) this.#entries.set(key, frame);
    else if (known !== frame) this.#entries.set(key, 'ambiguous');
  }

  get(key: K): Match {
    return this.#entries.get(key);
  }
}

/** Finds frames by full name, then by file name, each first with and then without extension, and by number. */
export class FrameMatcher {
  readonly frames: readonly MaskFrame[];
  readonly #names = new Table<string>();
  readonly #stems = new Table<string>();
  readonly #bases = new Table<string>();
  readonly #baseStems = new Table<string>();
  readonly #numbers = new Table<number>();

  constructor(frames: readonly MaskFrame[]) {
    this.frames = frames;
    for (const frame of frames) {
      this.#names.add(frame.name, frame);
      this.#stems.add(stemOf(frame.name), frame);
      this.#bases.add(baseOf(frame.name), frame);
      this.#baseStems.add(stemOf(baseOf(frame.name)), frame);
      this.#numbers.add(numberOf(frame.name), frame);
    }
  }

  /** `0001.png` and `0001.jpg.png` both belong to `0001.jpg`. */
  byName(reference: string): Match {
    const name = reference.replaceAll('\\', '/').replace(/^(\.?\/)+/, '');
    const base = baseOf(name);
    return (
      this.#names.get(name) ??
      this.#names.get(stemOf(name)) ??
      this.#stems.get(stemOf(name)) ??
      this.#bases.get(base) ??
      this.#bases.get(stemOf(base)) ??
      this.#baseStems.get(stemOf(base))
    );
  }

  byNumber(number: number): Match {
    return this.#numbers.get(number);
  }
}
