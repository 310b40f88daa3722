/** Writes the dual encoder in the file layout of CLIP models: two ONNX graphs, tokenizer, preprocessor, configuration, manifest. */
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Constant, encodeModel, type Graph, type OnnxNode } from '../onnx-writer.ts';
import { lookWords } from './captions.ts';
import {
  DETAIL_GAIN,
  DETAIL_SIDE,
  ENCODER_SHARE,
  EVIDENCE,
  LOOK_DIMENSIONS,
  LOOK_HIDDEN,
  LOOK_KINDS,
  LOOK_LAYERS,
  longestEvidence,
} from './look-network.ts';
import { STEEPNESS } from './loss.ts';
import {
  CONTEXT_TOKENS,
  DIMENSIONS,
  downSide,
  IMAGE_SIDE,
  SPECIAL_TOKENS,
  STAGES,
  TEXT_BLOCKS,
  TEXT_CHANNELS,
} from './network.ts';

type Weights = ReadonlyMap<string, Float32Array>;

/** Of an embedding: what the two networks say, then each kind of look. */
export const EMBEDDING_DIMENSIONS = DIMENSIONS + LOOK_DIMENSIONS;

/** Collects nodes and constants of a graph; every call names its output. */
class GraphBuilder {
  readonly constants: Constant[] = [];
  readonly nodes: OnnxNode[] = [];
  readonly #weights: Weights;
  #count = 0;

  constructor(weights: Weights) {
    this.#weights = weights;
  }

  node(op: string, inputs: readonly string[], attributes?: OnnxNode['attributes'], output?: string): string {
    const name = output ?? `${op.toLowerCase()}_${++this.#count}`;
    this.nodes.push({ op, inputs, outputs: [name], ...(attributes && { attributes }) });
    return name;
  }

  floats(name: string, shape: readonly number[], values: ArrayLike<number>): string {
    this.constants.push({ name, type: 'float', shape, values: Array.from(values) });
    return name;
  }

  scalar(value: number): string {
    const name = `scalar_${value}`;
    return this.constants.some((constant) => constant.name === name) ? name : this.floats(name, [1], [value]);
  }

  integers(name: string, values: readonly number[]): string {
    if (!this.constants.some((constant) => constant.name === name)) {
      this.constants.push({ name, type: 'int64', shape: [values.length], values });
    }
    return name;
  }

  weights(name: string): Float32Array {
    const values = this.#weights.get(name);
    if (!values) throw new RangeError(`no weights ${name}`);
    return values;
  }

  /** Root-mean-square normalisation over axis 1, gain, bias, ReLU. `rank` is that of x. */
  rmsRelu(x: string, name: string, channels: number, rank: number): string {
    const shape = [channels, ...new Array<number>(rank - 2).fill(1)];
    const mean = this.node('ReduceMean', [this.node('Mul', [x, x])], { axes: [1], keepdims: 1 });
    const unit = this.node('Div', [x, this.node('Sqrt', [this.node('Add', [mean, this.scalar(1e-5)])])]);
    const scaled = this.node('Mul', [unit, this.floats(`${name}/gain`, shape, this.weights(`${name}/gain`))]);
    const bias = this.floats(`${name}/bias`, shape, this.weights(`${name}/bias`));
    return this.node('Relu', [this.node('Add', [scaled, bias])]);
  }

  /** Weights [h, w, in, out] become [out, in, h, w], or [out, in, w] of a single row. */
  filter(name: string, height: number, width: number, input: number, output: number): string {
    const from = this.weights(name);
    const values = new Float32Array(from.length);
    for (let tap = 0; tap < height * width; tap++) {
      for (let i = 0; i < input; i++) {
        for (let o = 0; o < output; o++) {
          values[(o * input + i) * height * width + tap] = from[(tap * input + i) * output + o]!;
        }
      }
    }
    return this.floats(name, height === 1 ? [output, input, width] : [output, input, height, width], values);
  }

  /** Rows of length 1. */
  unitRows(x: string, name?: string): string {
    const squares = this.node('ReduceSum', [this.node('Mul', [x, x]), this.integers('axis_1', [1])], { keepdims: 1 });
    const length = this.node('Sqrt', [this.node('Add', [squares, this.scalar(1e-8)])]);
    return this.node('Div', [x, length], undefined, name);
  }
}

function visionGraph(weights: Weights): Graph {
  const g = new GraphBuilder(weights);
  let [x, channels] = ['pixel_values', 3];
  const parts: string[] = [];
  const project = (features: string, name: string): void => {
    const values = g.weights(name);
    const matrix = g.floats(name, [values.length / DIMENSIONS, DIMENSIONS], values);
    parts.push(g.node('MatMul', [features, matrix]));
  };
  const pooled = (features: string): string =>
    g.node(
      'Concat',
      ['ReduceMean', 'ReduceMax'].map((op) => g.node(op, [features], { axes: [2, 3], keepdims: 0 })),
      { axis: 1 },
    );
  STAGES.forEach((out, i) => {
    const name = `vision/${i}`;
    const conv = (input: string, half: string, from: number, side: number, stride: number): string =>
      g.node('Conv', [input, g.filter(`${name}/${half}`, side, side, from, out)], {
        kernel_shape: [side, side],
        strides: [stride, stride],
        // As TensorFlow pads: of an even side, 3x3 windows with stride 2 want one row more, at the end.
        pads: side === 2 ? [0, 0, 0, 0] : stride === 2 ? [0, 0, 1, 1] : [1, 1, 1, 1],
      });
    if (i > 0) {
      x = g.rmsRelu(x, `${name}/down/norm`, channels, 4);
      project(pooled(x), `vision/pool/${i - 1}`);
    }
    x = conv(x, 'down', channels, downSide(i), 2);
    channels = out;
    if (i === 0) return;
    const a = conv(g.rmsRelu(x, `${name}/a/norm`, out, 4), 'a', out, 3, 1);
    x = g.node('Add', [x, conv(g.rmsRelu(a, `${name}/b/norm`, out, 4), 'b', out, 3, 1)]);
  });
  x = g.rmsRelu(x, 'vision/norm', channels, 4);
  project(pooled(x), `vision/pool/${STAGES.length - 1}`);
  const last = g.node('Transpose', [x], { perm: [0, 2, 3, 1] });
  project(g.node('Reshape', [last, g.integers('flat', [0, -1])]), 'vision/projection');
  const encoder = g.node('Mul', [g.unitRows(g.node('Sum', parts)), g.scalar(Math.sqrt(ENCODER_SHARE))]);
  g.node('Concat', [encoder, ...lookNodes(g)], { axis: 1 }, 'image_embeds');
  return {
    name: 'mini-clip-vision',
    inputs: [{ name: 'pixel_values', type: 'float', shape: ['batch', 3, IMAGE_SIDE, IMAGE_SIDE] }],
    outputs: [{ name: 'image_embeds', type: 'float', shape: ['batch', EMBEDDING_DIMENSIONS] }],
    constants: g.constants,
    nodes: g.nodes,
  };
}

/** The tower of looks: the evidence of every word, and one more number, with which all of it is as long as its share of the embedding. */
function lookNodes(g: GraphBuilder): string[] {
  const half = DETAIL_SIDE >> 1;
  const mean = g.node('AveragePool', ['pixel_values'], {
    kernel_shape: [DETAIL_SIDE, DETAIL_SIDE],
    strides: [1, 1],
    pads: [half, half, half, half],
    count_include_pad: 1,
  });
  const detail = g.node('Mul', [g.node('Sub', ['pixel_values', mean]), g.scalar(DETAIL_GAIN)]);
  let x = g.node('Concat', ['pixel_values', detail], { axis: 1 });
  let channels = 6;
  let size: number = IMAGE_SIDE;
  LOOK_LAYERS.forEach(({ side, stride, channels: out, residual }, i) => {
    const total = (Math.ceil(size / stride) - 1) * stride + side - size;
    const before = Math.floor(total / 2);
    const made = g.node(
      'Conv',
      [i > 0 ? g.rmsRelu(x, `looks/${i}/norm`, channels, 4) : x, g.filter(`looks/${i}`, side, side, channels, out)],
      {
        kernel_shape: [side, side],
        strides: [stride, stride],
        pads: [before, before, total - before, total - before],
      },
    );
    x = residual ? g.node('Add', [x, made]) : made;
    channels = out;
    size = Math.ceil(size / stride);
  });
  const features = g.rmsRelu(x, 'looks/norm', channels, 4);
  const places = g.node('Reshape', [features, g.integers('places', [0, channels, size * size])]);
  const attention = g.floats('looks/attention', [1, channels], g.weights('looks/attention'));
  const share = g.node('Transpose', [g.node('Softmax', [g.node('MatMul', [attention, places])], { axis: 2 })], {
    perm: [0, 2, 1],
  });
  const attended = g.node('Reshape', [g.node('MatMul', [places, share]), g.integers('channels', [0, channels])]);
  const pooled = g.node('Concat', [attended, g.node('ReduceMax', [places], { axes: [2], keepdims: 0 })], { axis: 1 });
  const matrix = (name: string, from: number, to: number): string => g.floats(name, [from, to], g.weights(name));
  const hidden = g.rmsRelu(
    g.node('MatMul', [
      g.rmsRelu(pooled, 'looks/pooled/norm', 2 * channels, 2),
      matrix('looks/hidden', 2 * channels, LOOK_HIDDEN),
    ]),
    'looks/hidden/norm',
    LOOK_HIDDEN,
    2,
  );
  const evidence = LOOK_KINDS.map((kind) => {
    const { name, values, dimensions, share: own } = kind;
    const unit = g.unitRows(g.node('MatMul', [hidden, matrix(`looks/${name}`, LOOK_HIDDEN, dimensions)]));
    const words = unitWords(g.weights(`looks/${name}/words`), dimensions);
    const columns = Float32Array.from(
      words,
      (_, i) => EVIDENCE.steepness * words[(i % values.length) * dimensions + Math.floor(i / values.length)]!,
    );
    const logits = g.node('MatMul', [unit, g.floats(`looks/${name}/words`, [dimensions, values.length], columns)]);
    const kept = g.node('Max', [g.node('LogSoftmax', [logits], { axis: 1 }), g.scalar(EVIDENCE.floor)]);
    const above = g.node('Add', [kept, g.scalar(Math.log(values.length))]);
    return g.node('Mul', [above, g.scalar(Math.sqrt(own) / longestEvidence(kind))]);
  });
  const all = g.node('Concat', evidence, { axis: 1 });
  const squares = g.node('ReduceSum', [g.node('Mul', [all, all]), g.integers('axis_1', [1])], { keepdims: 1 });
  const rest = g.node('Relu', [g.node('Sub', [g.scalar(1 - ENCODER_SHARE), squares])]);
  return [all, g.node('Sqrt', [rest])];
}

function unitWords(vectors: Float32Array, dimensions: number): Float32Array {
  const lengthOf = (row: number): number => Math.hypot(...vectors.subarray(row * dimensions, (row + 1) * dimensions));
  return vectors.map((value, i) => value / lengthOf(Math.floor(i / dimensions)));
}

/** [words, look dimensions]: for a word that names a look a number at that look's evidence, such that it counts for what `say` says. */
function lookTable(words: readonly string[]): Float32Array {
  const table = new Float32Array(words.length * LOOK_DIMENSIONS);
  let at = 0;
  for (const kind of LOOK_KINDS) {
    for (const value of kind.values) {
      for (const word of lookWords(kind.name, value)) {
        const id = words.indexOf(word);
        if (id < 0) continue;
        table[id * LOOK_DIMENSIONS + at] =
          (kind.say * longestEvidence(kind) * Math.sqrt(ENCODER_SHARE / kind.share)) / STEEPNESS;
      }
      at++;
    }
  }
  return table;
}

function textGraph(weights: Weights, vocabulary: readonly string[]): Graph {
  const g = new GraphBuilder(weights);
  const words = g.weights('text/words');
  const table = g.floats('text/words', [words.length / TEXT_CHANNELS, TEXT_CHANNELS], words);
  const judged = g.node('Cast', [g.node('Greater', ['input_ids', g.integers('zero', [0])])], { to: 1 });
  const mask = g.node('Unsqueeze', [judged, g.integers('axis_1', [1])]);
  const rows = g.node('Transpose', [g.node('Gather', [table, 'input_ids'], { axis: 0 })], { perm: [0, 2, 1] });
  let x = g.node('Mul', [rows, mask]);
  for (let i = 0; i < TEXT_BLOCKS; i++) {
    const hidden = g.node('Mul', [g.rmsRelu(x, `text/${i}/norm`, TEXT_CHANNELS, 3), mask]);
    const filter = g.filter(`text/${i}`, 1, 3, TEXT_CHANNELS, TEXT_CHANNELS);
    const turned = g.node('Conv', [hidden, filter], { kernel_shape: [3], strides: [1], pads: [1, 1] });
    x = g.node('Mul', [g.node('Add', [x, turned]), mask]);
  }
  const axis = g.integers('axis_2', [2]);
  const sum = g.node('ReduceSum', [x, axis], { keepdims: 0 });
  const mean = g.node('Div', [sum, g.node('ReduceSum', [mask, axis], { keepdims: 0 })]);
  const projection = g.floats('text/projection', [TEXT_CHANNELS, DIMENSIONS], g.weights('text/projection'));
  const encoder = g.unitRows(g.node('MatMul', [mean, projection]));
  const looks = g.floats('looks/table', [vocabulary.length, LOOK_DIMENSIONS], lookTable(vocabulary));
  // A look that is named twice counts once.
  const named = g.node('ReduceMax', [g.node('Gather', [looks, 'input_ids'], { axis: 0 })], { axes: [1], keepdims: 0 });
  g.unitRows(g.node('Concat', [encoder, named], { axis: 1 }), 'text_embeds');
  return {
    name: 'mini-clip-text',
    inputs: [{ name: 'input_ids', type: 'int64', shape: ['batch', 'tokens'] }],
    outputs: [{ name: 'text_embeds', type: 'float', shape: ['batch', EMBEDDING_DIMENSIONS] }],
    constants: g.constants,
    nodes: g.nodes,
  };
}

function tokenizer(words: readonly string[]): unknown {
  const [, unknown, start, end] = SPECIAL_TOKENS;
  const special = (token: string): unknown => ({ SpecialToken: { id: token, type_id: 0 } });
  return {
    version: '1.0',
    added_tokens: SPECIAL_TOKENS.map((content, id) => ({
      ...{ id, content, special: true },
      ...{ single_word: false, lstrip: false, rstrip: false, normalized: false },
    })),
    normalizer: { type: 'Lowercase' },
    pre_tokenizer: { type: 'Whitespace' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [special(start), { Sequence: { id: 'A', type_id: 0 } }, special(end)],
      pair: [],
      special_tokens: Object.fromEntries(
        [start, end].map((token) => [token, { id: token, ids: [words.indexOf(token)], tokens: [token] }]),
      ),
    },
    decoder: null,
    model: { type: 'WordLevel', vocab: Object.fromEntries(words.map((word, id) => [word, id])), unk_token: unknown },
  };
}

/**
 * By recipe: raw relevancy that one in ten views of absent things passes in the calibration room of `bench language`, searched over all
 * scales and splatted. Measured with the weights that ship; others need other gates. Other rooms differ much (main README).
 */
const GATES = { n2f2: 0.526, lerf: 0.51, langsplat: 0.515 } as const;

/** @param words the vocabulary in the order of ids, special tokens first. @returns bytes in all */
export async function writeModel(folder: string, weights: Weights, words: readonly string[]): Promise<number> {
  const files = new Map<string, Uint8Array>();
  const json = (name: string, value: unknown, indent?: number): unknown =>
    files.set(name, new TextEncoder().encode(`${JSON.stringify(value, undefined, indent)}\n`));
  const graphs = { text: textGraph(weights, words), vision: visionGraph(weights) };
  for (const [name, graph] of Object.entries(graphs)) files.set(`onnx/${name}_model.onnx`, encodeModel(graph));
  json(
    'config.json',
    {
      model_type: 'clip',
      projection_dim: EMBEDDING_DIMENSIONS,
      text_config: { vocab_size: words.length, max_position_embeddings: CONTEXT_TOKENS },
      vision_config: { image_size: IMAGE_SIDE },
    },
    2,
  );
  const [pad, unknown, start, end] = SPECIAL_TOKENS;
  json('tokenizer.json', tokenizer(words), 1);
  json(
    'tokenizer_config.json',
    {
      tokenizer_class: 'CLIPTokenizer',
      model_max_length: CONTEXT_TOKENS,
      ...{ bos_token: start, eos_token: end, pad_token: pad, unk_token: unknown },
    },
    2,
  );
  json(
    'preprocessor_config.json',
    {
      image_processor_type: 'CLIPImageProcessor',
      ...{ do_resize: true, size: { shortest_edge: IMAGE_SIDE }, resample: 3 },
      ...{ do_center_crop: true, crop_size: { height: IMAGE_SIDE, width: IMAGE_SIDE } },
      ...{ do_rescale: true, do_normalize: true, image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5] },
    },
    2,
  );
  const hashOf = (name: string): string => createHash('sha256').update(files.get(name)!).digest('hex');
  const graph = (key: 'text' | 'vision'): unknown => ({
    file: `onnx/${key}_model.onnx`,
    sha256: hashOf(`onnx/${key}_model.onnx`),
    inputs: graphs[key].inputs.map(({ name }) => name),
    outputs: graphs[key].outputs.map(({ name }) => name),
  });
  json(
    'manifest.json',
    {
      format: 'liftscope-model',
      version: 1,
      kind: 'dual-encoder',
      name: 'mini-clip',
      source: 'Trained by this project on scenes that it generates: npm run train:mini-clip',
      licence: 'Apache-2.0',
      dimensions: EMBEDDING_DIMENSIONS,
      contextTokens: CONTEXT_TOKENS,
      gates: GATES,
      text: graph('text'),
      vision: graph('vision'),
      files: ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'preprocessor_config.json'].map((file) => ({
        file,
        sha256: hashOf(file),
      })),
    },
    2,
  );
  for (const [name, bytes] of files) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), bytes);
  }
  return [...files.values()].reduce((sum, bytes) => sum + bytes.length, 0);
}
