/**
 * Makes networks of visual features and of depth without any learned weight, for tests: the feature of a patch is its mean colour,
 * the disparity of a pixel its brightness. Made where a test wants them; nothing is shipped.
 */
import { createHash } from 'node:crypto';
import { encodeModel, type Graph } from './onnx-writer.ts';

const PATCH = 8;
const BYTES = [127.5, 127.5, 127.5];

export interface TinyVisionOptions {
  /** Features as tokens after a class token, or as a plane for each dimension. */
  readonly features?: 'tokens' | 'planes';
  /** `manifest`: ours beside the graph. `published`: the layout of transformers' exports, without one. */
  readonly layout?: 'manifest' | 'published';
}

/** Files of the model by their path in its folder. */
export function tinyDinoFiles({
  features = 'tokens',
  layout = 'manifest',
}: TinyVisionOptions = {}): Map<string, Uint8Array> {
  const output = 'last_hidden_state';
  const shape = features === 'tokens' ? [1, 'tokens', 3] : [1, 3, 'rows', 'columns'];
  const pooled = { kernel_shape: [PATCH, PATCH], strides: [PATCH, PATCH] };
  const graph: Graph = {
    name: 'tiny-dino',
    inputs: [{ name: 'pixel_values', type: 'float', shape: [1, 3, 'height', 'width'] }],
    outputs: [{ name: output, type: 'float', shape }],
    constants: [
      { name: 'flat', type: 'int64', shape: [3], values: [1, 3, -1] },
      { name: 'class_token', type: 'float', shape: [1, 1, 3], values: [9, 9, 9] },
    ],
    nodes:
      features === 'planes'
        ? [{ op: 'AveragePool', inputs: ['pixel_values'], outputs: [output], attributes: pooled }]
        : [
            { op: 'AveragePool', inputs: ['pixel_values'], outputs: ['patches'], attributes: pooled },
            { op: 'Reshape', inputs: ['patches', 'flat'], outputs: ['rows'] },
            { op: 'Transpose', inputs: ['rows'], outputs: ['tokens_'], attributes: { perm: [0, 2, 1] } },
            { op: 'Concat', inputs: ['class_token', 'tokens_'], outputs: [output], attributes: { axis: 1 } },
          ],
  };
  const input = { side: 64, fit: 'longest', multipleOf: PATCH, mean: BYTES, std: BYTES };
  return filesOf(
    graph,
    layout,
    { kind: 'dino', name: 'tiny-dino', input, patch: PATCH },
    {
      ...{ model_type: 'dinov2', patch_size: PATCH },
    },
  );
}

/** Files of the model by their path in its folder; its values are disparities from 1 to 3. */
export function tinyDepthFiles({
  layout = 'manifest',
}: Pick<TinyVisionOptions, 'layout'> = {}): Map<string, Uint8Array> {
  const graph: Graph = {
    name: 'tiny-depth',
    inputs: [{ name: 'pixel_values', type: 'float', shape: [1, 3, 'height', 'width'] }],
    outputs: [{ name: 'predicted_depth', type: 'float', shape: [1, 'height', 'width'] }],
    constants: [{ name: 'two', type: 'float', shape: [1], values: [2] }],
    nodes: [
      { op: 'ReduceMean', inputs: ['pixel_values'], outputs: ['brightness'], attributes: { axes: [1], keepdims: 0 } },
      { op: 'Add', inputs: ['brightness', 'two'], outputs: ['predicted_depth'] },
    ],
  };
  const input = { side: 64, fit: 'longest', multipleOf: 1, mean: BYTES, std: BYTES };
  return filesOf(
    graph,
    layout,
    { kind: 'depth', name: 'tiny-depth', input, values: 'disparity' },
    {
      model_type: 'depth_anything',
    },
  );
}

function filesOf(
  graph: Graph,
  layout: 'manifest' | 'published',
  manifest: Record<string, unknown>,
  config: Record<string, unknown>,
): Map<string, Uint8Array> {
  const bytes = encodeModel(graph);
  const json = (value: unknown): Uint8Array => new TextEncoder().encode(`${JSON.stringify(value, undefined, 2)}\n`);
  if (layout === 'published') {
    const preprocessor = { size: { width: 64, height: 64 }, image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5] };
    return new Map([
      ['onnx/model.onnx', bytes],
      ['config.json', json(config)],
      ['preprocessor_config.json', json(preprocessor)],
    ]);
  }
  const model = {
    ...{ file: 'model.onnx', sha256: createHash('sha256').update(bytes).digest('hex') },
    ...{ inputs: graph.inputs.map(({ name }) => name), outputs: graph.outputs.map(({ name }) => name) },
  };
  const head = { format: 'liftscope-model', version: 1, source: 'native-models/tiny-vision.ts', licence: 'Apache-2.0' };
  return new Map([
    ['model.onnx', bytes],
    ['manifest.json', json({ ...head, ...manifest, model })],
  ]);
}
