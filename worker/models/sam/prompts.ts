/** Click prompts: the embeddings of the images last asked about stay in memory, so that a further click costs the decoder alone. */
import type { PlanarImage } from '../../images/index.ts';
import { bestMask, type Embedding, type Prompt, type SamMask, type SamModel } from './model.ts';

/** 64 images of SAM's 256 x 64 x 64 floats. */
const DEFAULT_CACHE_BYTES = 256 * 2 ** 20;

export class SamPrompter {
  readonly #model: SamModel;
  readonly #cacheBytes: number;
  /** Least recently used first. Promises: a second click may come before the first image is encoded. */
  readonly #cache = new Map<string, { embedding: Promise<Embedding>; sizeBytes: number }>();

  constructor(model: SamModel, cacheBytes = DEFAULT_CACHE_BYTES) {
    this.#model = model;
    this.#cacheBytes = cacheBytes;
  }

  /**
   * The best mask for a prompt.
   * @param key names the image, for example a frame's name; `load` is called only when it is not in memory
   * @throws LiftscopeError, or whatever `load` throws
   */
  async ask(key: string, load: () => Promise<PlanarImage>, prompt: Prompt): Promise<SamMask> {
    return bestMask(await this.#model.decode(await this.#embedding(key, load), prompt), prompt);
  }

  /** Whether the next prompt on the image costs the decoder alone. */
  holds(key: string): boolean {
    return this.#cache.has(key);
  }

  async #embedding(key: string, load: () => Promise<PlanarImage>): Promise<Embedding> {
    const held = this.#cache.get(key);
    if (held !== undefined) {
      this.#cache.delete(key);
      this.#cache.set(key, held);
      return held.embedding;
    }
    const entry = { embedding: load().then((image) => this.#model.encode(image)), sizeBytes: 0 };
    this.#cache.set(key, entry);
    try {
      const embedding = await entry.embedding;
      entry.sizeBytes = embedding.sizeBytes;
      this.#evict(key);
      return embedding;
    } catch (error) {
      this.#cache.delete(key);
      throw error;
    }
  }

  #evict(newest: string): void {
    let total = 0;
    for (const { sizeBytes } of this.#cache.values()) total += sizeBytes;
    for (const [key, { sizeBytes }] of this.#cache) {
      if (total <= this.#cacheBytes) return;
      if (key === newest || sizeBytes === 0) continue;
      this.#cache.delete(key);
      total -= sizeBytes;
    }
  }
}
