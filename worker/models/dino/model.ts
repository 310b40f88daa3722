/** Visual features of patches (Caron et al. 2021; Oquab et al. 2023) through ONNX, and their mean over segments. */
import type { InferenceSession } from 'onnxruntime-node';
import { LiftscopeError } from '../../../contract/index.ts';
import type { PlanarImage } from '../../images/index.ts';
import { prepareImage } from '../image-input.ts';
import { declaredOutputs, floatOutput, openModel, runModel, verifyFile } from '../onnx.ts';
import { type DinoManifest, readDinoManifest } from './manifest.ts';

/** Features of one image on a grid of patches that covers it. */
export interface FeatureGrid {
  readonly columns: number;
  readonly rows: number;
  /** D */
  readonly dimensions: number;
  /** [rows, columns, D], as the network gives them. */
  readonly data: Float32Array;
}

export class DinoModel implements AsyncDisposable {
  readonly manifest: DinoManifest;
  readonly #session: InferenceSession;
  readonly #output: string;

  private constructor(manifest: DinoManifest, session: InferenceSession, output: string) {
    this.manifest = manifest;
    this.#session = session;
    this.#output = output;
  }

  /** @param threads 0: one per core @throws LiftscopeError when the model is missing, damaged or of another interface */
  static async open(folder: string, threads = 0): Promise<DinoModel> {
    const manifest = await readDinoManifest(folder);
    for (const file of manifest.files) await verifyFile(folder, file);
    const session = await openModel(folder, manifest.model, threads);
    const outputs = declaredOutputs(session).filter(({ shape }) => shape.length === 3 || shape.length === 4);
    const wanted = manifest.output ?? 'last_hidden_state';
    const chosen =
      outputs.find(({ name }) => name === wanted) ??
      (manifest.output === undefined && outputs.length === 1 ? outputs[0] : undefined);
    if (chosen === undefined) {
      await session.release();
      throw bad(
        manifest.name,
        `gives ${session.outputNames.join(', ')}, and no ${wanted} with a vector for each patch`,
      );
    }
    return new DinoModel(manifest, session, chosen.name);
  }

  /** @throws LiftscopeError `bad-input` when the answer does not fit the image's patches */
  async features(image: PlanarImage): Promise<FeatureGrid> {
    const { name, input, patch } = this.manifest;
    const { tensor, width, height } = await prepareImage(image, input, this.#session);
    const outputs = await runModel(this.#session, name, { [this.#session.inputNames[0]!]: tensor });
    const { data, dims } = floatOutput(outputs, this.#output, name);
    const [columns, rows] = [Math.floor(width / patch), Math.floor(height / patch)];
    const patches = columns * rows;
    if (dims.length === 4) {
      const [, dimensions, high, wide] = dims as [number, number, number, number];
      if (high !== rows || wide !== columns) {
        throw bad(name, `gives ${wide}x${high} patches for an image of ${width}x${height} in patches of ${patch}`);
      }
      const turned = new Float32Array(data.length);
      for (let k = 0; k < dimensions; k++) {
        for (let i = 0; i < patches; i++) turned[i * dimensions + k] = data[k * patches + i]!;
      }
      return { columns, rows, dimensions, data: finite(name, turned) };
    }
    const [, tokens, dimensions] = dims as [number, number, number];
    // Class and register tokens come before the patches.
    const before = tokens - patches;
    if (!(before >= 0 && before <= 64 && patches > 0)) {
      throw bad(name, `gives ${tokens} tokens for ${columns}x${rows} patches of ${patch} pixels`);
    }
    return { columns, rows, dimensions, data: finite(name, data.slice(before * dimensions)) };
  }

  /**
   * Mean feature of each segment, unit length, every patch weighed by how much of the segment it holds.
   * @param labels [H, W] segment ids of the same image, 0 = none @returns by id; [D]
   */
  async describe(image: PlanarImage, labels: ArrayLike<number>): Promise<Map<number, Float32Array>> {
    const { columns, rows, dimensions, data } = await this.features(image);
    const { width, height } = image;
    const sums = new Map<number, Float32Array>();
    const cell = new Map<number, number>();
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        cell.clear();
        const [top, bottom] = [Math.floor((row * height) / rows), Math.ceil(((row + 1) * height) / rows)];
        const [left, right] = [Math.floor((column * width) / columns), Math.ceil(((column + 1) * width) / columns)];
        for (let y = top; y < bottom; y++) {
          for (let x = left; x < right; x++) {
            const id = labels[y * width + x]!;
            if (id !== 0) cell.set(id, (cell.get(id) ?? 0) + 1);
          }
        }
        const at = (row * columns + column) * dimensions;
        for (const [id, weight] of cell) {
          const sum = sums.get(id) ?? new Float32Array(dimensions);
          sums.set(id, sum);
          for (let k = 0; k < dimensions; k++) sum[k]! += weight * data[at + k]!;
        }
      }
    }
    for (const sum of sums.values()) {
      const length = Math.hypot(...sum);
      if (length > 0) for (let k = 0; k < dimensions; k++) sum[k] = sum[k]! / length;
    }
    return sums;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session.release();
  }
}

function finite(name: string, values: Float32Array): Float32Array {
  if (values.every(Number.isFinite)) return values;
  throw bad(name, 'gives features that are not finite');
}

function bad(name: string, problem: string): LiftscopeError {
  return new LiftscopeError({
    code: 'bad-input',
    message: `${name}: ${problem}.`,
    hint: 'Do input, patch and output in its manifest fit the file? native-models/README.md says what they mean.',
  });
}
