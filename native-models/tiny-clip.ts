/**
 * Makes a dual encoder of CLIP's interface and file layout without any learned weight, for tests: an image is its mean colour, a
 * text the sum of the colours of its words, both in one space of eight dimensions. Made where a test wants it; nothing is shipped.
 */
import { encodeModel, type Graph, type OnnxNode, type Value } from './onnx-writer.ts';

const DIMENSIONS = 8;
const IMAGE_SIDE = 16;
const CONTEXT = 12;

/** Mean-free colours, as the network sees them: −1 to 1 per channel. */
const WORDS: Readonly<Record<string, readonly [number, number, number]>> = {
  red: [1, -1, -1],
  green: [-1, 1, -1],
  blue: [-1, -1, 1],
  yellow: [1, 1, -1],
  white: [1, 1, 1],
  black: [-1, -1, -1],
  a: [0, 0, 0],
  the: [0, 0, 0],
  of: [0, 0, 0],
  mug: [0.1, 0, 0],
  handle: [0, 0, 0.1],
};
const [PAD, UNKNOWN, START, END] = ['[PAD]', '[UNK]', '<|startoftext|>', '<|endoftext|>'] as const;

export interface TinyClipOptions {
  /** `words`: a list of whole words. `bytes`: CLIP's byte-level pairs, which can spell anything letter by letter. */
  readonly tokenizer?: 'words' | 'bytes';
  /** `both`: one graph with both inputs. */
  readonly graphs?: 'split' | 'both';
  /** End of the graphs' names: `_quantized`. */
  readonly variant?: string;
  /** Whether the text graph wants an attention mask. */
  readonly attentionMask?: boolean;
  /** Sizes that the graphs fix. */
  readonly batch?: number;
  /** Of the images' embedding, to make a model whose halves do not fit. */
  readonly imageDimensions?: number;
}

/** Files of the model by their path in its folder; no manifest. */
export function tinyClipFiles(options: TinyClipOptions = {}): Map<string, Uint8Array> {
  const { tokenizer = 'words', graphs = 'split', variant = '' } = options;
  const vocabulary = tokenizer === 'words' ? wordVocabulary() : byteVocabulary();
  const text = textPart(vocabulary, options);
  const vision = visionPart(options);
  const files = new Map<string, Uint8Array>();
  const add = (name: string, parts: readonly Graph[]): void => {
    files.set(`onnx/${name}${variant}.onnx`, encodeModel(joined(name, parts)));
  };
  if (graphs === 'both') add('model', [text, vision]);
  else {
    add('text_model', [text]);
    add('vision_model', [vision]);
  }
  const json = (name: string, value: unknown): unknown =>
    files.set(name, new TextEncoder().encode(`${JSON.stringify(value, undefined, 2)}\n`));
  json('config.json', {
    model_type: 'clip',
    projection_dim: DIMENSIONS,
    text_config: { max_position_embeddings: CONTEXT },
  });
  json('tokenizer.json', tokenizer === 'words' ? wordTokenizer(vocabulary) : byteTokenizer(vocabulary));
  json('tokenizer_config.json', {
    tokenizer_class: 'CLIPTokenizer',
    model_max_length: CONTEXT,
    ...{ bos_token: START, eos_token: END, pad_token: PAD, unk_token: tokenizer === 'words' ? UNKNOWN : END },
  });
  json('preprocessor_config.json', {
    image_processor_type: 'CLIPImageProcessor',
    ...{ do_resize: true, size: { shortest_edge: IMAGE_SIDE }, resample: 3 },
    ...{ do_center_crop: true, crop_size: { height: IMAGE_SIDE, width: IMAGE_SIDE } },
    ...{ do_rescale: true, do_normalize: true, image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5] },
  });
  return files;
}

type Vocabulary = ReadonlyMap<string, number>;

function numbered(tokens: readonly string[]): Vocabulary {
  return new Map(tokens.map((token, id) => [token, id]));
}

function wordVocabulary(): Vocabulary {
  return numbered([PAD, UNKNOWN, START, END, ...Object.keys(WORDS)]);
}

/** The letters that byte-level pairs write bytes with, each also as the end of a word; then the words' own pairs. */
function byteVocabulary(): Vocabulary {
  const letters = byteLetters();
  const tokens = [...letters, ...letters.map((letter) => `${letter}</w>`)];
  const seen = new Set(tokens);
  for (const [left, right] of pairs()) {
    if (!seen.has(left + right)) tokens.push(left + right);
    seen.add(left + right);
  }
  return numbered([...tokens, PAD, START, END]);
}

/** GPT-2's printable stand-ins of the 256 bytes. */
function byteLetters(): string[] {
  const plain = (byte: number): boolean =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(plain(byte) ? byte : next++));
}

/** Joins every word from its first letter on. */
function pairs(): [string, string][] {
  const found = new Map<string, [string, string]>();
  // Long words first: "green" must be joined before the "re" of "red" takes its letters.
  for (const word of Object.keys(WORDS).sort((a, b) => b.length - a.length)) {
    const letters = [...word];
    const pieces = letters.map((letter, i) => (i === letters.length - 1 ? `${letter}</w>` : letter));
    let left = pieces[0]!;
    for (const right of pieces.slice(1)) {
      found.set(`${left} ${right}`, [left, right]);
      left += right;
    }
  }
  return [...found.values()];
}

function addedTokens(vocabulary: Vocabulary): unknown[] {
  return [PAD, UNKNOWN, START, END]
    .filter((token) => vocabulary.has(token))
    .map((content) => ({
      ...{ id: vocabulary.get(content), content, special: true },
      ...{ single_word: false, lstrip: false, rstrip: false, normalized: false },
    }));
}

function wordTokenizer(vocabulary: Vocabulary): unknown {
  const special = (token: string): unknown => ({ SpecialToken: { id: token, type_id: 0 } });
  return {
    version: '1.0',
    added_tokens: addedTokens(vocabulary),
    normalizer: { type: 'Lowercase' },
    pre_tokenizer: { type: 'Whitespace' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [special(START), { Sequence: { id: 'A', type_id: 0 } }, special(END)],
      pair: [],
      special_tokens: Object.fromEntries(
        [START, END].map((token) => [token, { id: token, ids: [vocabulary.get(token)], tokens: [token] }]),
      ),
    },
    decoder: null,
    model: { type: 'WordLevel', vocab: Object.fromEntries(vocabulary), unk_token: UNKNOWN },
  };
}

/** As CLIP's is published. */
function byteTokenizer(vocabulary: Vocabulary): unknown {
  const words = "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";
  return {
    version: '1.0',
    added_tokens: addedTokens(vocabulary),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'NFC' },
        { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
        { type: 'Lowercase' },
      ],
    },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: words }, behavior: 'Removed', invert: true },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true },
      ],
    },
    post_processor: {
      ...{ type: 'RobertaProcessing', trim_offsets: false, add_prefix_space: false },
      ...{ sep: [END, vocabulary.get(END)], cls: [START, vocabulary.get(START)] },
    },
    decoder: null,
    model: {
      type: 'BPE',
      ...{ dropout: null, unk_token: END, continuing_subword_prefix: '', end_of_word_suffix: '</w>', fuse_unk: false },
      vocab: Object.fromEntries(vocabulary),
      merges: pairs().map(([left, right]) => `${left} ${right}`),
    },
  };
}

/** Σ of the rows of its tokens; the end token's row is the last dimension, so that losing it shows. */
function textPart(vocabulary: Vocabulary, { attentionMask = false, batch }: TinyClipOptions): Graph {
  const table = new Array<number>(vocabulary.size * DIMENSIONS).fill(0);
  for (const [token, id] of vocabulary) {
    const word = token.replace('</w>', '');
    (WORDS[word] ?? []).forEach((value, channel) => {
      table[id * DIMENSIONS + channel] = value;
    });
    if (token === END) table[id * DIMENSIONS + DIMENSIONS - 1] = 0.5;
    if (word === 'handle') table[id * DIMENSIONS + 4] = 1;
  }
  const shape = [batch ?? 'batch', 'tokens'];
  const masked: OnnxNode[] = attentionMask
    ? [
        { op: 'Cast', inputs: ['attention_mask'], outputs: ['mask'], attributes: { to: 1 } },
        { op: 'Unsqueeze', inputs: ['mask', 'last'], outputs: ['weights'] },
        { op: 'Mul', inputs: ['rows', 'weights'], outputs: ['counted'] },
      ]
    : [{ op: 'Identity', inputs: ['rows'], outputs: ['counted'] }];
  return {
    name: 'text',
    inputs: [
      { name: 'input_ids', type: 'int64', shape },
      ...(attentionMask ? [{ name: 'attention_mask', type: 'int64', shape } as const] : []),
    ],
    outputs: [{ name: 'text_embeds', type: 'float', shape: [batch ?? 'batch', DIMENSIONS] }],
    constants: [
      { name: 'table', type: 'float', shape: [vocabulary.size, DIMENSIONS], values: table },
      { name: 'tokens_axis', type: 'int64', shape: [1], values: [1] },
      { name: 'last', type: 'int64', shape: [1], values: [2] },
    ],
    nodes: [
      { op: 'Gather', inputs: ['table', 'input_ids'], outputs: ['rows'], attributes: { axis: 0 } },
      ...masked,
      { op: 'ReduceSum', inputs: ['counted', 'tokens_axis'], outputs: ['text_embeds'], attributes: { keepdims: 0 } },
    ],
  };
}

function visionPart({ batch, imageDimensions = DIMENSIONS }: TinyClipOptions): Graph {
  const projection = Array.from({ length: 3 * imageDimensions }, (_, i) =>
    Number(i % imageDimensions === Math.floor(i / imageDimensions)),
  );
  const input: Value = { name: 'pixel_values', type: 'float', shape: [batch ?? 'batch', 3, IMAGE_SIDE, IMAGE_SIDE] };
  return {
    name: 'vision',
    inputs: [input],
    outputs: [{ name: 'image_embeds', type: 'float', shape: [batch ?? 'batch', imageDimensions] }],
    constants: [{ name: 'projection', type: 'float', shape: [3, imageDimensions], values: projection }],
    nodes: [
      { op: 'ReduceMean', inputs: ['pixel_values'], outputs: ['colour'], attributes: { axes: [2, 3], keepdims: 0 } },
      { op: 'MatMul', inputs: ['colour', 'projection'], outputs: ['image_embeds'] },
    ],
  };
}

function joined(name: string, parts: readonly Graph[]): Graph {
  return {
    name,
    inputs: parts.flatMap(({ inputs }) => inputs),
    outputs: parts.flatMap(({ outputs }) => outputs),
    constants: parts.flatMap(({ constants }) => constants),
    nodes: parts.flatMap(({ nodes }) => nodes),
  };
}
