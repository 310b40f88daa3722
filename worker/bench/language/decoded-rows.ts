/** LangSplat's own order: codes are rendered, and decoded at pixels. */
import type { Backend, DeviceBuffer } from '../../compute/index.ts';
import { applyNetwork, type DecodedField } from '../../fields/index.ts';
import { sparseProduct } from '../../kernels/index.ts';
import { LEAST_ALPHA } from '../../language/index.ts';
import type { HeldView } from './held-views.ts';

/** [N, C + 1] codes of one level and 1 behind them; 0 for Gaussians that no segment said anything about. */
export function uploadCodes(
  backend: Backend,
  { channels, levels }: DecodedField,
  level: number,
  visibility: Float32Array,
): DeviceBuffer {
  const { features } = levels[level]!;
  const values = new Float32Array(visibility.length * (channels + 1));
  for (let i = 0; i < visibility.length; i++) {
    if (visibility[i] === 0) continue;
    values.set(features.subarray(i * channels, (i + 1) * channels), i * (channels + 1));
    values[i * (channels + 1) + channels] = 1;
  }
  const buffer = backend.createBuffer('codes', values.byteLength);
  backend.write(buffer, values);
  return buffer;
}

/** [H·W, stride] embeddings of the rendered codes, stride = E rounded up to a multiple of 4; 0 where mostly nothing is known. */
export async function decodedRows(
  backend: Backend,
  { channels, embeddingDimensions, levels, network }: DecodedField,
  level: number,
  codes: DeviceBuffer,
  { weights }: HeldView,
): Promise<DeviceBuffer> {
  const pixels = weights.rowCount;
  const output = backend.createBuffer('rendered codes', 4 * pixels * (channels + 1));
  backend.run(sparseProduct, { matrix: weights, input: codes, output, channels: channels + 1 });
  const rendered = new Float32Array(await backend.read(output));
  backend.destroyBuffer(output);
  const rows = new Float32Array(pixels * channels);
  const known = new Uint8Array(pixels);
  for (let i = 0; i < pixels; i++) {
    const at = i * (channels + 1);
    const share = rendered[at + channels]!;
    if (!(share >= LEAST_ALPHA)) continue;
    known[i] = 1;
    for (let c = 0; c < channels; c++) rows[i * channels + c] = rendered[at + c]! / share;
  }
  const embeddings = await applyNetwork(backend, network, rows, channels, levels[level]!.condition);
  const stride = Math.ceil(embeddingDimensions / 4) * 4;
  const padded = new Float32Array(pixels * stride);
  for (let i = 0; i < pixels; i++) {
    if (known[i] === 0) continue;
    padded.set(embeddings.subarray(i * embeddingDimensions, (i + 1) * embeddingDimensions), i * stride);
  }
  const buffer = backend.createBuffer('decoded rows', padded.byteLength);
  backend.write(buffer, padded);
  return buffer;
}
