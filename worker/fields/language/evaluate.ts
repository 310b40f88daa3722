/** Trained fields as embeddings that answer queries: composite, explicit scales, levels. */
import type { Backend } from '../../compute/index.ts';
import { compositeRows, NestedEmbeddings } from '../../kernels/index.ts';
import { applyNetwork } from './network.ts';
import { paddedRows } from './step-buffers.ts';
import type { DecodedField, LanguageField, LevelsField, NestedField } from './types.ts';

/** Embeddings with the rows that they are made of. */
export interface OwnedEmbeddings {
  readonly embeddings: NestedEmbeddings;
  dispose(): void;
}

/**
 * Rows [count, columns] on a device, ready for queries.
 * @param projection W [E, columns]; default none: rows are embeddings @param scales default one of all dimensions
 */
export function embeddingsOfRows(
  backend: Backend,
  values: Float32Array,
  columns: number,
  options: { readonly projection?: Float32Array; readonly scales?: ArrayLike<number> } = {},
): OwnedEmbeddings {
  const padded = paddedRows(values, columns, Math.ceil(columns / 4) * 4);
  const rows = backend.createBuffer('language field: rows', padded.byteLength);
  try {
    backend.write(rows, padded);
    const count = values.length / columns;
    const embeddings = new NestedEmbeddings(backend, { rows, count, dimensions: columns, ...options });
    return { embeddings, dispose: () => disposeBoth(backend, embeddings) };
  } catch (error) {
    backend.destroyBuffer(rows);
    throw error;
  }
}

function disposeBoth(backend: Backend, embeddings: NestedEmbeddings): void {
  embeddings.dispose();
  backend.destroyBuffer(embeddings.rows);
}

/** All scales of a nested field at every Gaussian: one prefix sum answers all of them. `scales`: see {@link evenScales}. */
export function nestedEmbeddings(
  backend: Backend,
  {
    theta,
    dimensions,
    projection,
    levelDimensions,
  }: Pick<NestedField, 'theta' | 'dimensions' | 'projection' | 'levelDimensions'>,
  scales: ArrayLike<number> = levelDimensions,
): OwnedEmbeddings {
  return embeddingsOfRows(backend, theta, dimensions, { projection, scales });
}

/** `count` of a field's levels, evenly spaced, the finest among them; all when there are no more. */
export function evenScales({ levelDimensions }: Pick<NestedField, 'levelDimensions'>, count: number): Uint32Array {
  const levels = levelDimensions.length;
  if (count >= levels) return levelDimensions;
  return Uint32Array.from({ length: count }, (_, i) => levelDimensions[Math.round(((i + 1) * levels) / count) - 1]!);
}

/**
 * The composite of a nested field: rows c ⊙ Θ [N, D], whose embedding W (c ⊙ Θ) weighs all levels. Precomputed once; with
 * `embeddingsOfRows(…, {projection})` they answer queries, and they can be rendered.
 * @param phrases [E] embeddings of the canonical phrases @param temperature published 1
 */
export async function compositeOf(
  backend: Backend,
  field: Pick<NestedField, 'theta' | 'dimensions' | 'projection' | 'levelDimensions'>,
  phrases: readonly ArrayLike<number>[],
  temperature = 1,
): Promise<Float32Array> {
  const owned = nestedEmbeddings(backend, field);
  const { embeddings } = owned;
  const canonical = embeddings.canonical(phrases, temperature);
  const output = backend.createBuffer('language field: composite', embeddings.count * embeddings.stride * 4);
  try {
    backend.run(compositeRows, { embeddings, phrases: canonical, output });
    const rows = new Float32Array(await backend.read(output));
    return unpaddedRows(rows, field.dimensions, embeddings.stride);
  } finally {
    backend.destroyBuffer(output);
    canonical.dispose();
    owned.dispose();
  }
}

function unpaddedRows(rows: Float32Array, columns: number, stride: number): Float32Array {
  if (columns === stride) return rows;
  const out = new Float32Array((rows.length / stride) * columns);
  for (let from = 0, to = 0; from < rows.length; from += stride, to += columns) {
    out.set(rows.subarray(from, from + columns), to);
  }
  return out;
}

/** Names of the levels of a field that has them apart: what a scale slider steps through. */
export function levelNames(field: LanguageField): string[] {
  if (field.kind === 'nested') return [...field.levelDimensions].map((used) => `${used} dimensions`);
  return field.levels.map(({ name }) => name);
}

/** Embeddings [N, E] of one level at every Gaussian, not normalised. Nested fields have cheaper ways. */
export async function embeddingsOfLevel(
  backend: Backend,
  field: LevelsField | DecodedField,
  level: number,
): Promise<Float32Array> {
  if (field.kind === 'levels') {
    const own = field.levels[level];
    if (own === undefined) throw new RangeError(`level ${level} of ${field.levels.length}`);
    return own.embeddings;
  }
  const own = field.levels[level];
  if (own === undefined) throw new RangeError(`level ${level} of ${field.levels.length}`);
  return applyNetwork(backend, field.network, own.features, field.channels, own.condition);
}
