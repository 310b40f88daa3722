import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { afterAll, expect, test } from 'vitest';
import type { RgbImage } from '../../worker/images/index.ts';
import { type DualEncoder, openDualEncoder } from '../../worker/models/index.ts';
import { createRandom } from '../../worker/scenes/index.ts';
import { writeModel } from './export.ts';
import { selectFastKernels } from './kernels.ts';
import {
  embedImages,
  embedTexts,
  IMAGE_SIDE,
  initialParameters,
  parameterShapes,
  SPECIAL_TOKENS,
  tokensOf,
} from './network.ts';
import { pixelValues } from './samples.ts';

const SHIPPED = fileURLToPath(new URL('../mini-clip', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'liftscope-mini-clip-'));
let encoder: DualEncoder | undefined;
afterAll(async () => {
  await encoder?.dispose();
  rmSync(folder, { recursive: true });
});

test('the written model gives the embeddings of the trained network, for crops and for texts of any length', async () => {
  const words = [...SPECIAL_TOKENS, 'red', 'mug', 'handle', 'of', 'the', "'", 's'];
  const random = createRandom('export');
  const weights = initialParameters(words.length, random);
  for (const [name, values] of weights) {
    // Gains of one and biases of zero would hide that they are missing.
    if (/gain|bias/.test(name))
      values.forEach((value, i) => {
        values[i] = value + 0.3 * random.normal();
      });
  }
  await writeModel(folder, weights, words);
  encoder = await openDualEncoder(folder, { threads: 1 });

  const images = Array.from({ length: 3 }, (): RgbImage => {
    const data = Uint8Array.from({ length: IMAGE_SIDE ** 2 * 3 }, () => random.integer(256));
    return { width: IMAGE_SIDE, height: IMAGE_SIDE, data };
  });
  const texts = [
    'mug',
    'handle of the red mug',
    "the mug's handle",
    'Red  MUG of wibble, of',
    `${'red '.repeat(30)}mug`,
  ];
  await selectFastKernels();
  const shapes = parameterShapes(words.length);
  const parameters = new Map([...weights].map(([name, values]) => [name, tf.tensor(values, shapes.get(name))]));
  const ids = new Map(words.map((word, id) => [word, id]));
  const pixels = tf.tensor4d(pixelValues(images), [images.length, IMAGE_SIDE, IMAGE_SIDE, 3]);
  const wanted: Float32Array[] = [
    embedImages(parameters, pixels).dataSync<'float32'>(),
    embedTexts(
      parameters,
      tokensOf(
        texts.map((text) => text.toLowerCase()),
        ids,
      ),
    ).dataSync<'float32'>(),
  ];
  const found = [await encoder.encodeImages(images), await encoder.encodeTexts(texts)];
  wanted.forEach((values, k) => {
    const error = values.reduce((worst, value, i) => Math.max(worst, Math.abs(value - found[k]![i]!)), 0);
    expect(values.every(Number.isFinite)).toBe(true);
    expect(error).toBeLessThan(1e-4);
  });
  expect(encoder.dimensions).toBe(64);
  // What ships says the same of itself, its weights apart.
  const manifestIn = (folder: string): { gates: object } =>
    JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'));
  const { gates } = manifestIn(folder);
  expect(Object.keys(gates)).toContain('n2f2');
  expect(manifestIn(SHIPPED).gates).toEqual(gates);
});
