import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { afterAll, expect, test } from 'vitest';
import type { RgbImage } from '../../worker/images/index.ts';
import { type DualEncoder, openDualEncoder } from '../../worker/models/index.ts';
import { createRandom } from '../../worker/scenes/index.ts';
import { EMBEDDING_DIMENSIONS, writeModel } from './export.ts';
import { selectFastKernels } from './kernels.ts';
import {
  ENCODER_SHARE,
  EVIDENCE,
  embedLooks,
  initialLooks,
  LOOK_DIMENSIONS,
  LOOK_KINDS,
  longestEvidence,
  lookShapes,
  withDetail,
} from './look-network.ts';
import {
  CONTEXT_TOKENS,
  embedImages,
  embedTexts,
  IMAGE_SIDE,
  initialParameters,
  parameterShapes,
  SPECIAL_TOKENS,
  tokensOf,
  unitRows,
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
  const words = [...SPECIAL_TOKENS, 'red', 'striped', 'mug', 'handle', 'of', 'the', "'", 's'];
  const random = createRandom('export');
  const weights = new Map([...initialParameters(words.length, random), ...initialLooks(random)]);
  for (const [name, values] of weights) {
    // Gains of one and biases of zero would hide that they are missing.
    if (/gain|bias|attention/.test(name))
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
    'striped red mug',
    "the mug's handle",
    'Red  MUG of wibble, of',
    `${'red '.repeat(30)}mug`,
  ];
  await selectFastKernels();
  const shapes = new Map([...parameterShapes(words.length), ...lookShapes()]);
  const parameters = new Map([...weights].map(([name, values]) => [name, tf.tensor(values, shapes.get(name))]));
  const ids = new Map(words.map((word, id) => [word, id]));
  const pixels = tf.tensor4d(pixelValues(images), [images.length, IMAGE_SIDE, IMAGE_SIDE, 3]);
  const sideBySide = (parts: tf.Tensor2D[]): Float32Array => tf.concat2d(parts, 1).dataSync<'float32'>();
  const looks = embedLooks(
    parameters,
    tf.tensor4d(withDetail(pixelValues(images)), [images.length, IMAGE_SIDE, IMAGE_SIDE, 6]),
  );
  const encoded = embedTexts(
    parameters,
    tokensOf(
      texts.map((text) => text.toLowerCase()),
      ids,
    ),
  );
  // Of an image all evidence, filled up to its share of the length; of a text a number for each word that names a look.
  const [evidence, named] = [
    images.map(() => [] as number[]),
    texts.map((text) =>
      text
        .toLowerCase()
        .split(/\W+/)
        .slice(0, CONTEXT_TOKENS - 2),
    ),
  ];
  const said = texts.map(() => [] as number[]);
  LOOK_KINDS.forEach((kind, k) => {
    const { name, values, share, say } = kind;
    const rows = unitRows(parameters.get(`looks/${name}/words`) as tf.Tensor2D);
    const logs = tf
      .logSoftmax(tf.mul(tf.matMul(looks[k]!, rows, false, true), EVIDENCE.steepness))
      .arraySync() as number[][];
    const unit = Math.sqrt(share) / longestEvidence(kind);
    logs.forEach((row, n) => {
      evidence[n]!.push(...row.map((log) => unit * (Math.max(log, EVIDENCE.floor) + Math.log(values.length))));
    });
    const look = { pattern: 'stripes', colour: 'red', material: '' }[name];
    const word = { pattern: 'striped', colour: 'red', material: '' }[name];
    named.forEach((words, n) => {
      const times = words.includes(word) ? 1 : 0;
      // So that the product with the evidence is `say` of it, in units of the loss, beside the networks' own.
      said[n]!.push(
        ...values.map((value) => (value === look ? (times * say * Math.sqrt(ENCODER_SHARE)) / unit / 16 : 0)),
      );
    });
  });
  const filled = evidence.map((row) => [...row, Math.sqrt(1 - ENCODER_SHARE - row.reduce((sum, x) => sum + x * x, 0))]);
  expect(filled.flat().every(Number.isFinite)).toBe(true);
  expect(filled[0]).toHaveLength(LOOK_DIMENSIONS);
  const textRows = tf.concat2d([encoded, tf.tensor2d(said.map((row) => [...row, 0]))], 1);
  const wanted: Float32Array[] = [
    sideBySide([tf.mul(embedImages(parameters, pixels), Math.sqrt(ENCODER_SHARE)) as tf.Tensor2D, tf.tensor2d(filled)]),
    unitRows(textRows).dataSync<'float32'>(),
  ];
  const found = [await encoder.encodeImages(images), await encoder.encodeTexts(texts)];
  wanted.forEach((values, k) => {
    const error = values.reduce((worst, value, i) => Math.max(worst, Math.abs(value - found[k]![i]!)), 0);
    expect(values.every(Number.isFinite)).toBe(true);
    expect(error).toBeLessThan(1e-4);
  });
  expect(encoder.dimensions).toBe(EMBEDDING_DIMENSIONS);
  // What ships says the same of itself, its weights apart.
  const manifestIn = (folder: string): { gates: object } =>
    JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'));
  const { gates } = manifestIn(folder);
  expect(Object.keys(gates)).toContain('n2f2');
  expect(manifestIn(SHIPPED).gates).toEqual(gates);
});
