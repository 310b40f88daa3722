/** Monocular depth through ONNX (Ranftl et al. 2020; Yang et al. 2024). */
import type { InferenceSession } from 'onnxruntime-node';
import { LiftscopeError } from '../../../contract/index.ts';
import type { PlanarImage } from '../../images/index.ts';
import { prepareImage } from '../image-input.ts';
import { floatOutput, openModel, runModel, verifyFile } from '../onnx.ts';
import { type DepthManifest, readDepthManifest } from './manifest.ts';

export class DepthModel implements AsyncDisposable {
  readonly manifest: DepthManifest;
  readonly #session: InferenceSession;
  readonly #output: string;

  private constructor(manifest: DepthManifest, session: InferenceSession, output: string) {
    this.manifest = manifest;
    this.#session = session;
    this.#output = output;
  }

  /** @param threads 0: one per core @throws LiftscopeError when the model is missing, damaged or of another interface */
  static async open(folder: string, threads = 0): Promise<DepthModel> {
    const manifest = await readDepthManifest(folder);
    for (const file of manifest.files) await verifyFile(folder, file);
    const session = await openModel(folder, manifest.model, threads);
    const wanted = manifest.output ?? 'predicted_depth';
    const names = session.outputNames;
    const chosen = names.includes(wanted)
      ? wanted
      : manifest.output === undefined && names.length === 1
        ? names[0]
        : undefined;
    if (chosen === undefined) {
      await session.release();
      throw bad(manifest.name, `gives ${names.join(', ')}, and no ${wanted}`);
    }
    return new DepthModel(manifest, session, chosen);
  }

  /**
   * @returns [H, W] of the photo, bilinear between the network's pixels: what the manifest calls `values`; 0 where the network
   * gave no number above 0
   */
  async predict(image: PlanarImage): Promise<Float32Array> {
    const { name, input } = this.manifest;
    const { tensor } = await prepareImage(image, input, this.#session);
    const outputs = await runModel(this.#session, name, { [this.#session.inputNames[0]!]: tensor });
    const { data, dims } = floatOutput(outputs, this.#output, name);
    // [1, H, W] or [1, 1, H, W]: sizes of 1 before the two sides mean nothing.
    const [rows = 0, columns = 0] = dims.slice(-2);
    if (dims.length < 2 || rows < 1 || columns < 1 || data.length !== rows * columns) {
      throw bad(name, `gives an answer of the shape ${dims.join('x')} instead of one plane`);
    }
    return resized(data, columns, rows, image.width, image.height);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session.release();
  }
}

/** Bilinear, pixel centres at +0.5; a value that is not above 0 and finite makes its neighbours 0. */
function resized(data: Float32Array, columns: number, rows: number, width: number, height: number): Float32Array {
  const out = new Float32Array(width * height);
  const usable = (value: number): boolean => value > 0 && value < Infinity;
  for (let y = 0; y < height; y++) {
    const v = Math.min(rows - 1, Math.max(0, ((y + 0.5) * rows) / height - 0.5));
    const [top, bottom] = [Math.floor(v), Math.min(rows - 1, Math.floor(v) + 1)];
    for (let x = 0; x < width; x++) {
      const u = Math.min(columns - 1, Math.max(0, ((x + 0.5) * columns) / width - 0.5));
      const [left, right] = [Math.floor(u), Math.min(columns - 1, Math.floor(u) + 1)];
      const [a, b] = [data[top * columns + left]!, data[top * columns + right]!];
      const [c, d] = [data[bottom * columns + left]!, data[bottom * columns + right]!];
      if (!(usable(a) && usable(b) && usable(c) && usable(d))) continue;
      const [s, t] = [u - left, v - top];
      out[y * width + x] = (a * (1 - s) + b * s) * (1 - t) + (c * (1 - s) + d * s) * t;
    }
  }
  return out;
}

function bad(name: string, problem: string): LiftscopeError {
  return new LiftscopeError({
    code: 'bad-input',
    message: `${name}: ${problem}.`,
    hint: 'Do input, values and output in its manifest fit the file? native-models/README.md says what they mean.',
  });
}
