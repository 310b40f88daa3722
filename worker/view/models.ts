/** Models in memory, by file; those shown least recently make room for new ones. */
import { stat } from 'node:fs/promises';
import { LiftscopeError, type SplatsHeader } from '../../contract/index.ts';
import type { Backend } from '../compute/index.ts';
import { laneBytes, PADDING, type ShDegree, unpackLanes } from '../kernels/index.ts';
import { WeightReader } from '../objects/index.ts';
import { readSplats, type SplatArrays, SplatModel, SplatRenderer } from '../splats/index.ts';
import { arrange, type SplatBlocks } from './blocks.ts';
import { type Grid, gridOf } from './morton.ts';
import type { HiddenGaussians } from './object-look.ts';

interface Full {
  readonly model: SplatModel;
  readonly renderer: SplatRenderer;
}

export class ViewModel {
  readonly header: SplatsHeader;
  readonly fileBytes: number;
  readonly loadMs: number;
  readonly grid: Grid;
  readonly blocks: SplatBlocks;
  /** Until the first exact picture: most models are first seen by a moving camera, and that needs the blocks alone. */
  #arrays: SplatArrays | undefined;
  #full: Full | undefined;
  readonly #backend: Backend;
  #reader: WeightReader | undefined;
  /** [N] as in the file; those on the device may say that some are hidden. */
  readonly #logits: Float32Array;
  #hiddenKey = '';
  #recoloured: { readonly key: string; readonly blocks: SplatBlocks } | undefined;

  constructor(backend: Backend, header: SplatsHeader, arrays: SplatArrays, fileBytes: number, startedAt: number) {
    this.#backend = backend;
    this.header = header;
    this.fileBytes = fileBytes;
    this.grid = gridOf(arrays);
    this.blocks = arrange(arrays);
    this.#arrays = arrays;
    this.#logits = arrays.logitOpacities;
    this.loadMs = performance.now() - startedAt;
  }

  /**
   * Draws the file as it is: every Gaussian in the file's order, all coefficients; but those that are hidden.
   * @throws OutOfMemoryError
   */
  upload(hidden?: HiddenGaussians): SplatRenderer {
    const { model, renderer } = this.#onDevice();
    const key = hidden?.key ?? '';
    if (key !== this.#hiddenKey) {
      const logits =
        hidden === undefined
          ? this.#logits
          : this.#logits.map((value, i) => (hidden.mask[i] === 1 ? PADDING.logitOpacities : value));
      this.#backend.write(model.parameters.logitOpacities, logits);
      this.#hiddenKey = key;
    }
    return renderer;
  }

  /** As {@link upload}, for features and weights. @throws OutOfMemoryError */
  reader(hidden?: HiddenGaussians): WeightReader {
    this.upload(hidden);
    this.#reader ??= new WeightReader(this.#backend, this.#onDevice().model);
    return this.#reader;
  }

  /** [N, 3] centres and [N] logits of the opacities, as in the file. @throws OutOfMemoryError */
  async solids(): Promise<{ means: Float32Array; logitOpacities: Float32Array }> {
    const { model } = this.#onDevice();
    const blocks = await this.#backend.read(model.parameters.means, 0, laneBytes(model.count, 3));
    return { means: unpackLanes(new Float32Array(blocks), model.count, 3), logitOpacities: this.#logits };
  }

  /** The blocks in other colours, made once for each key. */
  recoloured(key: string, make: (blocks: SplatBlocks) => SplatBlocks): SplatBlocks {
    if (this.#recoloured?.key !== key) this.#recoloured = { key, blocks: make(this.blocks) };
    return this.#recoloured.blocks;
  }

  #onDevice(): Full {
    if (this.#full === undefined) {
      const arrays = this.#arrays!;
      const model = new SplatModel(this.#backend, arrays.count, arrays.shDegree as ShDegree, { trainable: false });
      model.upload(arrays);
      this.#full = { model, renderer: new SplatRenderer(this.#backend, model) };
      this.#arrays = undefined;
    }
    return this.#full;
  }

  /** The arrays are as large as their copy on the device. */
  get sizeBytes(): number {
    return this.blocks.sizeBytes + this.fileBytes;
  }

  dispose(): void {
    this.#reader?.dispose();
    this.#recoloured = undefined;
    this.#full?.renderer.dispose();
    this.#full?.model.dispose();
    this.#full = undefined;
    this.#arrays = undefined;
  }
}

export class ModelCache {
  readonly #backend: Backend;
  readonly #budgetBytes: number;
  /** Least recently used first. */
  readonly #models = new Map<string, { version: string; model: ViewModel }>();

  constructor(backend: Backend, budgetBytes: number) {
    this.#backend = backend;
    this.#budgetBytes = budgetBytes;
  }

  /** @returns the model, and whether it had to be read. @throws LiftscopeError naming the file */
  async get(path: string): Promise<{ model: ViewModel; loaded: boolean }> {
    const startedAt = performance.now();
    const file = await stat(path).catch((error: Error) => {
      throw new LiftscopeError({ code: 'not-found', message: `${path}: cannot be opened (${error.message})` });
    });
    const version = `${file.dev} ${file.ino} ${file.size} ${file.mtimeMs}`;
    const known = this.#models.get(path);
    if (known?.version === version) {
      this.#models.delete(path);
      this.#models.set(path, known);
      return { model: known.model, loaded: false };
    }
    // Written anew since: what is in memory is another model.
    if (known !== undefined) this.#drop(path);
    this.#makeRoom(2 * file.size);
    const { header, splats } = await readSplats(path);
    const model = new ViewModel(this.#backend, header, splats, file.size, startedAt);
    this.#models.set(path, { version, model });
    this.#makeRoom(0, path);
    return { model, loaded: true };
  }

  /** Least recently shown first, until what stays and `bytes` more are within the budget; `keep` is never dropped. */
  #makeRoom(bytes: number, keep?: string): void {
    let used = bytes;
    for (const { model } of this.#models.values()) used += model.sizeBytes;
    for (const [path, { model }] of this.#models) {
      if (used <= this.#budgetBytes) return;
      if (path === keep) continue;
      used -= model.sizeBytes;
      this.#drop(path);
    }
  }

  #drop(path: string): void {
    this.#models.get(path)?.model.dispose();
    this.#models.delete(path);
  }

  get paths(): readonly string[] {
    return [...this.#models.keys()];
  }

  dispose(): void {
    for (const path of this.paths) this.#drop(path);
  }
}
