/** Texts as vectors, with what the encoder has to say about them; those used last are kept. */
import { LiftscopeError } from '../../contract/index.ts';
import type { DualEncoder } from '../models/index.ts';

/** What a query needs of an encoder. */
export type TextEncoder = Pick<
  DualEncoder,
  'name' | 'dimensions' | 'fingerprint' | 'gates' | 'encodeTexts' | 'inspectText' | 'dispose'
>;

const KEPT_TEXTS = 500;

export class TextVectors {
  readonly encoder: TextEncoder;
  readonly #kept = new Map<string, Float32Array>();

  constructor(encoder: TextEncoder) {
    this.encoder = encoder;
  }

  /** @returns [E] unit vectors in the order of the texts @throws LiftscopeError `bad-input` for one that says nothing */
  async of(texts: readonly string[]): Promise<Float32Array[]> {
    const missing = [...new Set(texts.filter((text) => !this.#kept.has(text)))];
    const { dimensions } = this.encoder;
    const fresh = new Map<string, Float32Array>();
    if (missing.length > 0) {
      const rows = await this.encoder.encodeTexts(missing);
      for (const [i, text] of missing.entries()) fresh.set(text, rows.slice(i * dimensions, (i + 1) * dimensions));
    }
    const vectors = texts.map((text) => this.#kept.get(text) ?? fresh.get(text)!);
    for (const [i, text] of texts.entries()) {
      this.#kept.delete(text);
      this.#kept.set(text, vectors[i]!);
    }
    for (const oldest of [...this.#kept.keys()].slice(0, -KEPT_TEXTS)) this.#kept.delete(oldest);
    return vectors;
  }
}

/** @throws LiftscopeError `bad-input` where texts of this encoder mean nothing to the field */
export function requireSameModel(
  field: { readonly name: string; readonly fingerprint: string },
  encoder: Pick<TextEncoder, 'name' | 'fingerprint'>,
): void {
  if (field.fingerprint === encoder.fingerprint) return;
  const same = field.name === encoder.name;
  throw new LiftscopeError({
    code: 'bad-input',
    message: same
      ? `The language field was trained with another version of the model ${field.name}.`
      : `The language field was trained with the model ${field.name}, not with ${encoder.name}.`,
    hint: same ? 'Put that version back, or train the field again.' : `Ask with ${field.name}.`,
  });
}
