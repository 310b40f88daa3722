/** What the registry knows of each kind of model: what it is for, which files belong to one, how one is tried. */
import { join } from 'node:path';
import type { ModelKind, ModelKindInfo } from '../../contract/index.ts';
import type { PlanarImage } from '../images/index.ts';
import { DEPTH_ENABLES, DEPTH_FILES, DepthModel, readDepthManifest } from './depth/index.ts';
import { DINO_ENABLES, DINO_FILES, DinoModel, readDinoManifest } from './dino/index.ts';
import {
  DUAL_ENCODER_ENABLES,
  DUAL_ENCODER_FILES,
  findDualEncoder,
  graphList,
  openDualEncoder,
} from './dual-encoder/index.ts';
import { findGraph } from './layout.ts';
import type { ManifestHead, ModelFile, PlainFile } from './manifest.ts';
import { readPublished } from './published.ts';
import { readSamManifest, SAM_ENABLES, SAM_FILES, SamModel } from './sam/index.ts';

/** A model as its manifest or its layout describes it; nothing has been hashed or run. */
export interface DescribedModel {
  readonly head: ManifestHead;
  readonly kind: ModelKind;
  readonly graphs: readonly ModelFile[];
  readonly files: readonly PlainFile[];
  /** A whole manifest, with the graphs and files given. */
  manifest(graphs: readonly ModelFile[], files: readonly PlainFile[]): Record<string, unknown>;
}

interface KindDefinition {
  readonly info: Omit<ModelKindInfo, 'installed' | 'kind'>;
  /** @throws LiftscopeError */
  describe(folder: string): Promise<DescribedModel>;
  /** One forward pass. @returns what was measured, in words @throws LiftscopeError */
  check(folder: string, threads: number): Promise<string>;
}

/** A grey gradient, so that a network has something to look at. */
function sampleImage(): PlanarImage {
  const [width, height] = [96, 64];
  const data = new Uint8Array(3 * width * height);
  for (let i = 0; i < data.length; i++) data[i] = 40 + (((i % width) * 2 + Math.floor(i / width)) % 180);
  return { width, height, data };
}

export const KINDS: { readonly [K in ModelKind]: KindDefinition } = {
  'dual-encoder': {
    info: {
      title: 'Text and images (CLIP)',
      enables: DUAL_ENCODER_ENABLES,
      without: 'No text queries.',
      files: [...DUAL_ENCODER_FILES],
    },
    async describe(folder) {
      const { head, graphs, files, dimensions, contextTokens, gates } = await findDualEncoder(folder);
      return {
        ...{ head, kind: 'dual-encoder', graphs: graphList(graphs), files },
        manifest: (checked, plain) => ({
          ...('both' in graphs ? { both: checked[0] } : { text: checked[0], vision: checked[1] }),
          files: plain,
          ...(dimensions !== undefined && { dimensions }),
          ...(contextTokens !== undefined && { contextTokens }),
          ...(Object.keys(gates).length > 0 && { gates }),
        }),
      };
    },
    async check(folder, threads) {
      await using model = await openDualEncoder(folder, { threads });
      const began = performance.now();
      await model.encodeTexts(['a red mug on a table']);
      const between = performance.now();
      const image = { width: 32, height: 32, data: new Uint8Array(3 * 32 * 32).map((_, i) => i % 251) };
      await model.encodeImages([image]);
      const after = performance.now();
      return `${model.dimensions} dimensions; a text ${ms(between - began)}, an image ${ms(after - between)}`;
    },
  },
  sam: {
    info: {
      title: 'Segments from prompts (SAM)',
      enables: SAM_ENABLES,
      without: 'The built-in graph segmenter finds segments, without clicks.',
      files: [...SAM_FILES],
    },
    async describe(folder) {
      const manifest = await readSamManifest(folder);
      const { encoder, decoder } = manifest;
      return {
        ...{ head: manifest, kind: 'sam', graphs: [encoder, decoder], files: [] },
        manifest: () => ({ imageSide: manifest.imageSide, maskSide: manifest.maskSide, encoder, decoder }),
      };
    },
    async check(folder, threads) {
      await using model = await SamModel.open(folder, threads);
      const began = performance.now();
      const embedding = await model.encode(sampleImage());
      const between = performance.now();
      const masks = await model.decode(embedding, { points: [{ x: 20, y: 20, positive: true }] });
      const after = performance.now();
      return `${masks.length} masks a prompt; an image ${ms(between - began)}, a prompt ${ms(after - between)}`;
    },
  },
  dino: {
    info: {
      title: 'Visual features (DINO)',
      enables: DINO_ENABLES,
      without: 'Tracking describes segments by gradients and colours.',
      files: [...DINO_FILES],
    },
    async describe(folder) {
      const manifest = await readDinoManifest(folder);
      const { input, patch, output } = manifest;
      return {
        ...{ head: manifest, kind: 'dino', graphs: [manifest.model], files: manifest.files },
        manifest: ([model], files) => ({ model, files, input, patch, ...(output !== undefined && { output }) }),
      };
    },
    async check(folder, threads) {
      await using model = await DinoModel.open(folder, threads);
      const began = performance.now();
      const { columns, rows, dimensions } = await model.features(sampleImage());
      return `${dimensions} dimensions, ${columns}x${rows} patches; an image ${ms(performance.now() - began)}`;
    },
  },
  depth: {
    info: {
      title: 'Monocular depth',
      enables: DEPTH_ENABLES,
      without: 'Tracking takes depth from the trained splats.',
      files: [...DEPTH_FILES],
    },
    async describe(folder) {
      const manifest = await readDepthManifest(folder);
      const { input, values, output } = manifest;
      return {
        ...{ head: manifest, kind: 'depth', graphs: [manifest.model], files: manifest.files },
        manifest: ([model], files) => ({ model, files, input, values, ...(output !== undefined && { output }) }),
      };
    },
    async check(folder, threads) {
      await using model = await DepthModel.open(folder, threads);
      const began = performance.now();
      const values = await model.predict(sampleImage());
      const positive = values.reduce((sum, value) => sum + Number(value > 0), 0) / values.length;
      return `${model.manifest.values}; ${(100 * positive).toFixed(0)} % of the pixels have one; an image ${ms(performance.now() - began)}`;
    },
  },
};

/** The kind that a folder without a manifest has by its layout; undefined where it is none of ours. */
export async function kindByLayout(folder: string): Promise<ModelKind | undefined> {
  const published = await readPublished(folder);
  if (published !== undefined) return published.kind;
  for (const name of ['text_model', 'model']) {
    if ((await findGraph(folder, name)) === undefined) continue;
    const described = await findDualEncoder(folder).catch(() => undefined);
    if (described !== undefined) return 'dual-encoder';
  }
  return undefined;
}

/** Everything that a manifest says, in its usual order. */
export function wholeManifest(
  described: DescribedModel,
  head: ManifestHead,
  graphs: readonly ModelFile[],
  files: readonly PlainFile[],
): Record<string, unknown> {
  const { name, source, licence } = head;
  return {
    ...{ format: 'liftscope-model', version: 1, kind: described.kind, name, source, licence },
    ...described.manifest(graphs, files),
  };
}

export function pathsOf(folder: string, { graphs, files }: DescribedModel): string[] {
  return [...graphs, ...files].map(({ file }) => join(folder, file));
}

function ms(value: number): string {
  return value < 10 ? `${value.toFixed(1)} ms` : `${value.toFixed(0)} ms`;
}
