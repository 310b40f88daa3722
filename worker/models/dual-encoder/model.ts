/** Images and texts in one space (Radford et al. 2021): any model in the common CLIP layout, or of our own manifest. */
import { createHash } from 'node:crypto';
import type { ImageProcessor } from '@huggingface/transformers';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { LiftscopeError } from '../../../contract/index.ts';
import {
  type DeclaredValue,
  declaredInputs,
  declaredOutputs,
  fixedSize,
  floatOutput,
  openVerified,
  runModel,
  verifyFile,
} from '../onnx.ts';
import { findDualEncoder, graphList } from './manifest.ts';
import { readSettings } from './settings.ts';
import { type TextInspection, TextReader } from './text.ts';

/** [H, W, 3] bytes of sRGB. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array | Uint8ClampedArray;
}

export interface DualEncoder extends AsyncDisposable {
  readonly name: string;
  /** E */
  readonly dimensions: number;
  /** SHA-256 over the files: embeddings of two models with the same one can be compared. */
  readonly fingerprint: string;
  /** Least raw relevancy of an answer of a search over scales, by recipe of the field, where it was measured. */
  readonly gates?: Readonly<Record<string, number>>;
  /** @returns [n, E] unit rows @throws LiftscopeError `bad-input` for an empty text, naming it */
  encodeTexts(texts: readonly string[]): Promise<Float32Array>;
  /** @returns [n, E] unit rows @throws LiftscopeError `bad-input` */
  encodeImages(images: readonly RgbImage[]): Promise<Float32Array>;
  /** What becomes of a text before it is encoded. @throws LiftscopeError `bad-input` for an empty one */
  inspectText(text: string): TextInspection;
  /** Words that the tokenizer knows only as unknown, or letter by letter; none for an empty text. */
  unknownWords(text: string): readonly string[];
  dispose(): Promise<void>;
}

/** Images and texts that go through a graph at once. */
const BATCH = 32;
/** Longer strips of pixels are cut to this, so that making the short side fit does not make the long one endless. */
const MAX_ASPECT = 8;
const TEXT_INPUTS = ['input_ids', 'attention_mask', 'token_type_ids', 'position_ids'];
const TEXT_OUTPUTS = ['text_embeds', 'pooler_output', 'sentence_embedding'];
const IMAGE_OUTPUTS = ['image_embeds', 'pooler_output'];

/**
 * @param options.threads 0 or absent: one per core
 * @throws LiftscopeError `not-found` (what it would enable, and where to put which files), `bad-input` naming what is wrong
 */
export async function openDualEncoder(
  folder: string,
  options: { readonly threads?: number } = {},
): Promise<DualEncoder> {
  const threads = options.threads ?? 0;
  const found = await findDualEncoder(folder);
  const settings = await readSettings(folder, found.files, found.contextTokens);
  const hashes = new Map(settings.hashes);
  for (const file of found.files) if (!hashes.has(file.file)) hashes.set(file.file, await verifyFile(folder, file));
  const sessions: InferenceSession[] = [];
  try {
    for (const graph of graphList(found.graphs)) {
      const { session, sha256 } = await openVerified(folder, graph, threads);
      sessions.push(session);
      hashes.set(graph.file, sha256);
    }
    const { Tensor: tensor } = await import('onnxruntime-node');
    const reader = new TextReader(settings.tokenizer, settings.contextTokens, settings.unknownToken);
    const name = found.head.name;
    const text = new TextSide(name, sessions[0]!, reader, settings.padToContext, tensor);
    const vision = new VisionSide(name, sessions.at(-1)!, settings.processor, text, tensor);
    const dimensions = await agreedDimensions(name, text, vision, found.dimensions);
    const { gates } = found;
    return new OnnxDualEncoder({ name, dimensions, fingerprint: fingerprintOf(hashes), gates, sessions, text, vision });
  } catch (error) {
    for (const session of sessions) await session.release();
    throw error;
  }
}

class OnnxDualEncoder implements DualEncoder {
  readonly name: string;
  readonly dimensions: number;
  readonly fingerprint: string;
  readonly gates: Readonly<Record<string, number>>;
  readonly #sessions: readonly InferenceSession[];
  readonly #text: TextSide;
  readonly #vision: VisionSide;
  #disposed = false;

  constructor(parts: {
    name: string;
    dimensions: number;
    fingerprint: string;
    gates: Readonly<Record<string, number>>;
    sessions: readonly InferenceSession[];
    text: TextSide;
    vision: VisionSide;
  }) {
    this.name = parts.name;
    this.dimensions = parts.dimensions;
    this.fingerprint = parts.fingerprint;
    this.gates = parts.gates;
    this.#sessions = parts.sessions;
    this.#text = parts.text;
    this.#vision = parts.vision;
  }

  async encodeTexts(texts: readonly string[]): Promise<Float32Array> {
    const normalised = texts.map((text) => this.#text.reader.normalise(text).text);
    return this.#rows(normalised, (batch) => this.#text.run(batch));
  }

  async encodeImages(images: readonly RgbImage[]): Promise<Float32Array> {
    for (const image of images) requireImage(image);
    return this.#rows(images, (batch) => this.#vision.run(batch));
  }

  inspectText(text: string): TextInspection {
    return this.#text.reader.inspect(text);
  }

  unknownWords(text: string): readonly string[] {
    return this.#text.reader.unknownWords(text);
  }

  async #rows<T>(items: readonly T[], run: (batch: readonly T[]) => Promise<Float32Array>): Promise<Float32Array> {
    const { dimensions } = this;
    const rows = new Float32Array(items.length * dimensions);
    for (let from = 0; from < items.length; from += BATCH) {
      const batch = items.slice(from, from + BATCH);
      const values = await run(batch);
      if (values.length !== batch.length * dimensions) {
        throw badModel(this.name, `gave ${values.length} numbers for ${batch.length} embeddings of ${dimensions}`);
      }
      for (let row = 0; row < batch.length; row++) {
        normaliseRow(this.name, values.subarray(row * dimensions, (row + 1) * dimensions));
      }
      rows.set(values, from * dimensions);
    }
    return rows;
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const session of this.#sessions) await session.release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }
}

/** A graph's half that reads texts. */
class TextSide {
  readonly reader: TextReader;
  readonly #name: string;
  readonly #session: InferenceSession;
  readonly #inputs: readonly DeclaredValue[];
  readonly #output: DeclaredValue;
  readonly #padToContext: boolean;
  readonly #tensor: typeof Tensor;

  constructor(
    name: string,
    session: InferenceSession,
    reader: TextReader,
    padToContext: boolean,
    tensor: typeof Tensor,
  ) {
    this.#name = name;
    this.#session = session;
    this.reader = reader;
    this.#padToContext = padToContext;
    this.#tensor = tensor;
    this.#inputs = declaredInputs(session).filter((input) => TEXT_INPUTS.includes(input.name));
    if (!this.#inputs.some((input) => input.name === 'input_ids')) {
      throw badModel(name, `the text graph takes ${session.inputNames.join(', ')}, and no input_ids`);
    }
    const others = session.inputNames.filter((input) => !TEXT_INPUTS.includes(input) && input !== 'pixel_values');
    if (others.length > 0) throw badModel(name, `the text graph wants ${others.join(', ')} besides a text`);
    this.#output = chosenOutput(name, 'text', session, TEXT_OUTPUTS);
  }

  /** Where the file fixes it. */
  get dimensions(): number | undefined {
    return fixedSize(this.#output, 1);
  }

  /** Tensors for the texts, which all have the same length. @param texts normalised */
  feeds(texts: readonly string[]): Record<string, Tensor> {
    const encoded = texts.map((text) => this.reader.encode(text).ids);
    const ids = this.#inputs.find((input) => input.name === 'input_ids')!;
    const length =
      fixedSize(ids, 1) ??
      (this.#padToContext ? this.reader.contextTokens : Math.max(1, ...encoded.map((one) => one.length)));
    const feeds: Record<string, Tensor> = {};
    for (const { name, type } of this.#inputs) {
      const values = new Array<number>(texts.length * length).fill(0);
      encoded.forEach((one, row) => {
        for (let k = 0; k < length; k++) {
          const value =
            name === 'input_ids'
              ? (one[k] ?? this.reader.padId)
              : name === 'attention_mask'
                ? Number(k < one.length)
                : name === 'position_ids'
                  ? k
                  : 0;
          values[row * length + k] = value;
        }
      });
      const shape = [texts.length, length];
      feeds[name] =
        type === 'int32'
          ? new this.#tensor('int32', Int32Array.from(values), shape)
          : new this.#tensor('int64', BigInt64Array.from(values, BigInt), shape);
    }
    return feeds;
  }

  async run(texts: readonly string[]): Promise<Float32Array> {
    return inBatches(texts, fixedSize(this.#inputs[0]!, 0), async (batch) => {
      const feeds = this.feeds(batch);
      for (const input of declaredInputs(this.#session)) {
        // One graph for both: a black image goes along.
        if (input.name === 'pixel_values') feeds.pixel_values = this.#blackImage(input);
      }
      return embeddings(this.#name, await runModel(this.#session, this.#name, feeds), this.#output.name, batch.length);
    });
  }

  #blackImage(input: DeclaredValue): Tensor {
    const shape = [1, 3, fixedSize(input, 2) ?? 224, fixedSize(input, 3) ?? 224];
    return new this.#tensor('float32', new Float32Array(shape.reduce((a, b) => a * b)), shape);
  }
}

/** A graph's half that sees images. */
class VisionSide {
  readonly #name: string;
  readonly #session: InferenceSession;
  readonly #processor: ImageProcessor;
  readonly #input: DeclaredValue;
  readonly #output: DeclaredValue;
  readonly #text: TextSide;
  readonly #tensor: typeof Tensor;

  constructor(
    name: string,
    session: InferenceSession,
    processor: ImageProcessor,
    text: TextSide,
    tensor: typeof Tensor,
  ) {
    this.#name = name;
    this.#session = session;
    this.#processor = processor;
    this.#text = text;
    this.#tensor = tensor;
    const input = declaredInputs(session).find((one) => one.name === 'pixel_values');
    if (input === undefined) {
      throw badModel(name, `the vision graph takes ${session.inputNames.join(', ')}, and no pixel_values`);
    }
    const others = session.inputNames.filter((one) => one !== 'pixel_values' && !TEXT_INPUTS.includes(one));
    if (others.length > 0) throw badModel(name, `the vision graph wants ${others.join(', ')} besides an image`);
    if (input.type !== 'float32') {
      throw badModel(name, `the vision graph takes ${input.type}; only float32 images can be given`);
    }
    this.#input = input;
    this.#output = chosenOutput(name, 'vision', session, IMAGE_OUTPUTS);
  }

  get dimensions(): number | undefined {
    return fixedSize(this.#output, 1);
  }

  async run(images: readonly RgbImage[]): Promise<Float32Array> {
    return inBatches(images, fixedSize(this.#input, 0), async (batch) => {
      const pixels = await this.#pixels(batch);
      const wantsText = this.#session.inputNames.includes('input_ids');
      const feeds = { ...(wantsText && this.#text.feeds(['a'])), pixel_values: pixels };
      return embeddings(this.#name, await runModel(this.#session, this.#name, feeds), this.#output.name, batch.length);
    });
  }

  /** [n, 3, H, W] */
  async #pixels(images: readonly RgbImage[]): Promise<Tensor> {
    const { RawImage } = await import('@huggingface/transformers');
    let result: { pixel_values: { data: unknown; dims: readonly number[] } };
    try {
      result = await this.#processor(
        images.map((image) => {
          const { width, height, data } = withoutStrips(image);
          return new RawImage(data, width, height, 3);
        }),
      );
    } catch (error) {
      const reason = error instanceof Error ? error.message.slice(0, 300) : String(error);
      throw badModel(this.#name, `its preprocessor_config.json does not work on an image (${reason})`);
    }
    const { data, dims } = result.pixel_values;
    for (const axis of [1, 2, 3]) {
      const wanted = fixedSize(this.#input, axis);
      if (wanted !== undefined && wanted !== dims[axis]) {
        throw badModel(
          this.#name,
          `its preprocessor_config.json makes images of ${dims.slice(1).join('x')}, its graph takes ${this.#input.shape.slice(1).join('x')}`,
        );
      }
    }
    return new this.#tensor('float32', data as Float32Array, dims);
  }
}

/** Both halves must end in the same space. */
async function agreedDimensions(
  name: string,
  text: TextSide,
  vision: VisionSide,
  stated: number | undefined,
): Promise<number> {
  const grey = { width: 32, height: 32, data: new Uint8Array(32 * 32 * 3).fill(128) };
  const textSize = text.dimensions ?? (await text.run(['a'])).length;
  const imageSize = vision.dimensions ?? (await vision.run([grey])).length;
  if (textSize !== imageSize) {
    throw badModel(
      name,
      `texts have ${textSize} dimensions and images ${imageSize}: the graphs lack their projections, or belong to two models`,
    );
  }
  if (stated !== undefined && stated !== textSize) {
    throw badModel(name, `its manifest says ${stated} dimensions, its graphs have ${textSize}`);
  }
  return textSize;
}

/** The embedding among a graph's outputs: by its usual names, else the only one of shape [n, E]. */
function chosenOutput(name: string, part: string, session: InferenceSession, usual: readonly string[]): DeclaredValue {
  const outputs = declaredOutputs(session);
  for (const one of usual) {
    const found = outputs.find((output) => output.name === one);
    if (found !== undefined) return found;
  }
  const flat = outputs.filter(({ shape }) => shape.length === 2);
  if (flat.length === 1) return flat[0]!;
  throw badModel(name, `the ${part} graph gives ${session.outputNames.join(', ')}; ${usual[0]} is missing`);
}

async function inBatches<T>(
  items: readonly T[],
  size: number | undefined,
  run: (batch: readonly T[]) => Promise<Float32Array>,
): Promise<Float32Array> {
  if (size === undefined || items.length === size) return run(items);
  // A graph of a fixed batch gets its items in such batches, the last one filled up.
  const parts: Float32Array[] = [];
  for (let from = 0; from < items.length; from += size) {
    const batch = items.slice(from, from + size);
    const filled = [...batch, ...new Array<T>(size - batch.length).fill(batch[0]!)];
    const values = await run(filled);
    parts.push(values.subarray(0, (values.length / size) * batch.length));
  }
  const joined = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

function embeddings(
  name: string,
  outputs: InferenceSession.OnnxValueMapType,
  output: string,
  count: number,
): Float32Array {
  const { data, dims } = floatOutput(outputs, output, name);
  if (dims.length !== 2 || dims[0] !== count) {
    throw badModel(name, `${output} has the shape ${dims.join('x')} for ${count} inputs`);
  }
  return data;
}

function normaliseRow(name: string, row: Float32Array): void {
  let sum = 0;
  for (const value of row) sum += value * value;
  const length = Math.sqrt(sum);
  if (!(length > 0 && length < Infinity)) throw badModel(name, 'gave an embedding that is zero or not finite');
  for (let k = 0; k < row.length; k++) row[k] = row[k]! / length;
}

function requireImage({ width, height, data }: RgbImage): void {
  if (width >= 1 && height >= 1 && data.length === 3 * width * height) return;
  throw new LiftscopeError({
    code: 'bad-input',
    message: `An image of ${width}x${height} has ${data.length} bytes instead of ${3 * width * height}.`,
  });
}

/** The middle of an image that is more than {@link MAX_ASPECT} times as long as wide. */
function withoutStrips(image: RgbImage): RgbImage {
  const { width, height, data } = image;
  const [w, h] = [Math.min(width, MAX_ASPECT * height), Math.min(height, MAX_ASPECT * width)];
  if (w === width && h === height) return image;
  const [left, top] = [Math.floor((width - w) / 2), Math.floor((height - h) / 2)];
  const cut = new Uint8Array(3 * w * h);
  for (let y = 0; y < h; y++) {
    const from = 3 * ((top + y) * width + left);
    cut.set(data.subarray(from, from + 3 * w), 3 * y * w);
  }
  return { width: w, height: h, data: cut };
}

function fingerprintOf(hashes: ReadonlyMap<string, string>): string {
  const lines = [...hashes].sort(([a], [b]) => (a < b ? -1 : 1)).map(([file, sha256]) => `${file} ${sha256}\n`);
  return createHash('sha256').update(lines.join('')).digest('hex');
}

function badModel(name: string, problem: string): LiftscopeError {
  return new LiftscopeError({
    code: 'bad-input',
    message: `${name}: ${problem}.`,
    hint: 'Is it a CLIP-style model with its projections (CLIPTextModelWithProjection, CLIPVisionModelWithProjection)?',
  });
}
