/**
 * Makes `tiny-sam`: an encoder and a decoder of Segment Anything's ONNX interface without any learned weight, for tests and for
 * seeing the interface work. The embedding is the image at a quarter of its size; a mask is what has the colour of a positive
 * point, is nearer in colour to it than to any negative one, and lies in the box. Three masks: strict, usual and loose.
 *
 *     node native-models/tiny-sam.ts      writes the folder again; the bytes do not change
 */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Constant, encodeModel, type Graph, type OnnxNode } from './onnx-writer.ts';

/** Side of the padded input, and pixels of it per cell of the embedding and of the low-resolution masks. */
const IMAGE_SIDE = 256;
const CELL = 4;
const MASK_SIDE = IMAGE_SIDE / CELL;
const CELLS = MASK_SIDE * MASK_SIDE;
/** Squared distances of normalised colours (each channel from −1 to 1) up to which a cell belongs to a mask. */
const TOLERANCES = [0.02, 0.1, 0.5];
/** Logits per unit of squared colour distance. */
const STEEPNESS = 40;
/** A colour this far away (in squared distance) is no colour at all. */
const FAR = 1000;

function encoderGraph(): Graph {
  return {
    name: 'tiny-sam-encoder',
    inputs: [{ name: 'image', type: 'float', shape: [1, 3, IMAGE_SIDE, IMAGE_SIDE] }],
    outputs: [{ name: 'image_embeddings', type: 'float', shape: [1, 3, MASK_SIDE, MASK_SIDE] }],
    constants: [],
    nodes: [
      {
        op: 'AveragePool',
        inputs: ['image'],
        outputs: ['image_embeddings'],
        attributes: { kernel_shape: [CELL, CELL], strides: [CELL, CELL] },
      },
    ],
  };
}

/** Builds a graph by naming every result. */
class Builder {
  readonly nodes: OnnxNode[] = [];
  readonly constants: Constant[] = [];

  floats(values: readonly number[], shape: readonly number[] = [values.length]): string {
    return this.#constant('float', values, shape);
  }

  ints(...values: number[]): string {
    return this.#constant('int64', values, [values.length]);
  }

  #constant(type: Constant['type'], values: readonly number[], shape: readonly number[]): string {
    const name = `c${this.constants.length}`;
    this.constants.push({ name, type, values, shape });
    return name;
  }

  op(
    op: string,
    inputs: readonly string[],
    attributes: OnnxNode['attributes'] = {},
    name = `v${this.nodes.length}`,
  ): string {
    this.nodes.push({ op, inputs, outputs: [name], attributes });
    return name;
  }
}

function decoderGraph(): Graph {
  const b = new Builder();
  const scalar = (value: number): string => b.floats([value], []);
  const is = (label: string, value: number): string => b.op('Cast', [b.op('Equal', [label, scalar(value)])], { to: 1 });

  // Prompts without their batch: coordinates [N, 2], labels [N]. The graph, like SAM's, means pixels: their centres are half on.
  const coords = b.op('Add', [b.op('Squeeze', ['point_coords', b.ints(0)]), scalar(0.5)]);
  const labels = b.op('Squeeze', ['point_labels', b.ints(0)]);

  // The box: the largest corner of label 2 and the smallest of label 3, the whole plane without them.
  const column = (values: string): string => b.op('Unsqueeze', [values, b.ints(1)]);
  const without = (label: number): string =>
    b.op('Mul', [b.op('Sub', [scalar(1), column(is(labels, label))]), scalar(1e6)]);
  const upper = b.op('ReduceMax', [b.op('Sub', [coords, without(2)])], { axes: [0], keepdims: 1 });
  const lower = b.op('ReduceMin', [b.op('Add', [coords, without(3)])], { axes: [0], keepdims: 1 });
  const hasBox = b.op('ReduceMax', [is(labels, 2)], { axes: [0], keepdims: 1 });
  const hasPositive = b.op('ReduceMax', [is(labels, 1)], { axes: [0], keepdims: 1 });
  // A box without a point asks for the colour of its centre.
  const centre = b.op('Mul', [b.op('Add', [upper, lower]), scalar(0.5)]);
  const centreLabel = b.op('Sub', [b.op('Mul', [scalar(2), b.op('Mul', [hasBox, b.op('Sub', [scalar(1), hasPositive])])]), scalar(1)]); // biome-ignore format: one line
  const allCoords = b.op('Concat', [coords, centre], { axis: 0 });
  const allLabels = b.op('Concat', [labels, centreLabel], { axis: 0 });

  // Colours under the points: [N + 1, 3].
  const cells = b.op('Clip', [
    b.op('Floor', [b.op('Div', [allCoords, scalar(CELL)])]),
    scalar(0),
    scalar(MASK_SIDE - 1),
  ]);
  const yx = b.op('Cast', [b.op('Gather', [cells, b.ints(1, 0)], { axis: 1 })], { to: 7 });
  const image = b.op('Squeeze', [b.op('Transpose', ['image_embeddings'], { perm: [0, 2, 3, 1] }), b.ints(0)]);
  const colours = b.op('GatherND', [image, yx]);

  // Squared distances of every cell to every point, then to the nearest positive and negative one: [1, CELLS].
  const cellColours = b.op('Reshape', [image, b.ints(1, CELLS, 3)]);
  const difference = b.op('Sub', [b.op('Unsqueeze', [colours, b.ints(1)]), cellColours]);
  const distance = b.op('ReduceSum', [b.op('Mul', [difference, difference]), b.ints(2)], { keepdims: 0 });
  const nearest = (label: number): string => {
    const others = b.op('Mul', [b.op('Sub', [scalar(1), column(is(allLabels, label))]), scalar(FAR)]);
    return b.op('ReduceMin', [b.op('Add', [distance, others])], { axes: [0], keepdims: 1 });
  };
  const positive = nearest(1);
  const negative = nearest(0);

  // min(tolerance − positive, (negative − positive) / 2): [3, CELLS].
  const within = b.op('Sub', [b.floats(TOLERANCES, [3, 1]), positive]);
  const apart = b.op('Mul', [b.op('Sub', [negative, positive]), scalar(0.5)]);
  const colourLogits = b.op('Mul', [b.op('Min', [within, apart]), scalar(STEEPNESS)]);

  // Cells outside of the box are far below 0.
  const along = (axis: number, of: string): string => b.op('Gather', [of, b.ints(axis)], { axis: 1 });
  const places = (axis: number): string =>
    b.floats(
      Array.from({ length: CELLS }, (_, i) => ((axis === 0 ? i % MASK_SIDE : Math.floor(i / MASK_SIDE)) + 0.5) * CELL),
      [1, CELLS],
    );
  const sides = [0, 1].flatMap((axis) => {
    const at = places(axis);
    return [b.op('Sub', [at, along(axis, upper)]), b.op('Sub', [along(axis, lower), at])];
  });
  const inside = b.op('Min', sides);
  const boxed = b.op('Min', [colourLogits, b.op('Mul', [inside, scalar(STEEPNESS)])]);

  // A previous mask pulls its cells towards its own sign.
  const previous = b.op('Reshape', ['mask_input', b.ints(1, CELLS)]);
  const pull = b.op('Mul', [b.op('Clip', [previous, scalar(-4), scalar(4)]), 'has_mask_input']);
  const clamped = b.op('Clip', [b.op('Add', [boxed, pull]), scalar(-32), scalar(32)]);
  b.op('Reshape', [clamped, b.ints(1, 3, MASK_SIDE, MASK_SIDE)], {}, 'low_res_masks');

  // The share of cells that are certain.
  const certain = b.op('Cast', [b.op('Greater', [b.op('Abs', [clamped]), scalar(1)])], { to: 1 });
  b.op('Reshape', [b.op('ReduceMean', [certain], { axes: [1], keepdims: 0 }), b.ints(1, 3)], {}, 'iou_predictions');

  // As SAM's export: to the padded square, cut to the image's part of it, to the image's size.
  const toSize = (of: string, sizes: string): string =>
    b.op('Resize', [of, '', '', sizes], { mode: 'linear', coordinate_transformation_mode: 'half_pixel' });
  const square = toSize('low_res_masks', b.ints(1, 3, IMAGE_SIDE, IMAGE_SIDE));
  const longest = b.op('ReduceMax', ['orig_im_size'], { axes: [0], keepdims: 1 });
  const resized = b.op('Floor', [b.op('Add', [b.op('Div', [b.op('Mul', ['orig_im_size', scalar(IMAGE_SIDE)]), longest]), scalar(0.5)])]); // biome-ignore format: one line
  const ends = b.op('Cast', [resized], { to: 7 });
  const cut = b.op('Slice', [square, b.ints(0, 0), ends, b.ints(2, 3)]);
  const size = b.op('Concat', [b.ints(1, 3), b.op('Cast', ['orig_im_size'], { to: 7 })], { axis: 0 });
  b.nodes.push({
    op: 'Resize',
    inputs: [cut, '', '', size],
    outputs: ['masks'],
    attributes: { mode: 'linear', coordinate_transformation_mode: 'half_pixel' },
  });

  return {
    name: 'tiny-sam-decoder',
    inputs: [
      { name: 'image_embeddings', type: 'float', shape: [1, 3, MASK_SIDE, MASK_SIDE] },
      { name: 'point_coords', type: 'float', shape: [1, 'num_points', 2] },
      { name: 'point_labels', type: 'float', shape: [1, 'num_points'] },
      { name: 'mask_input', type: 'float', shape: [1, 1, MASK_SIDE, MASK_SIDE] },
      { name: 'has_mask_input', type: 'float', shape: [1] },
      { name: 'orig_im_size', type: 'float', shape: [2] },
    ],
    outputs: [
      { name: 'masks', type: 'float', shape: [1, 3, 'height', 'width'] },
      { name: 'iou_predictions', type: 'float', shape: [1, 3] },
      { name: 'low_res_masks', type: 'float', shape: [1, 3, MASK_SIDE, MASK_SIDE] },
    ],
    constants: b.constants,
    nodes: b.nodes,
  };
}

/** The folder's files by name, their bytes. */
export function tinySamFiles(): ReadonlyMap<string, Uint8Array> {
  const graphs = { encoder: encoderGraph(), decoder: decoderGraph() };
  const described = (part: keyof typeof graphs) => {
    const bytes = encodeModel(graphs[part]);
    return {
      bytes,
      entry: {
        file: `${part}.onnx`,
        sha256: createHash('sha256').update(bytes).digest('hex'),
        inputs: graphs[part].inputs.map(({ name }) => name),
        outputs: graphs[part].outputs.map(({ name }) => name),
      },
    };
  };
  const [encoder, decoder] = [described('encoder'), described('decoder')];
  const manifest = {
    format: 'liftscope-model',
    version: 1,
    kind: 'sam',
    name: 'tiny-sam',
    source: 'native-models/tiny-sam.ts: no learned weights; segments by colour similarity to the prompts',
    licence: 'Apache-2.0',
    imageSide: IMAGE_SIDE,
    maskSide: MASK_SIDE,
    encoder: { ...encoder.entry, layout: 'nchw', mean: [127.5, 127.5, 127.5], std: [127.5, 127.5, 127.5] },
    decoder: decoder.entry,
  };
  return new Map([
    ['encoder.onnx', encoder.bytes],
    ['decoder.onnx', decoder.bytes],
    ['manifest.json', new TextEncoder().encode(formatted(manifest))],
  ]);
}

/** JSON as the formatter of this repository writes it: lists of plain values on one line. */
function formatted(value: unknown): string {
  const text = JSON.stringify(value, undefined, 2).replace(/\[\s+([^[\]]*?)\s+\]/g, (_, inner: string) => {
    return `[${inner.replace(/,\s+/g, ', ')}]`;
  });
  return `${text}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = fileURLToPath(new URL('./tiny-sam/', import.meta.url));
  mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of tinySamFiles()) writeFileSync(join(folder, name), bytes);
}
