/** One question to a language field: text in, relevancy of Gaussians, ranked objects, and places in views out. */
import { writeFile } from 'node:fs/promises';
import {
  LANGUAGE_THRESHOLDS,
  MAX_OBJECTS_IN_VIEWS,
  RELEVANCY_GATE,
  type ViewQueryAnswer,
  type ViewQueryCall,
} from '../../contract/index.ts';
import type { Backend } from '../compute/index.ts';
import type { WeightReader } from '../objects/index.ts';
import { viewOf } from '../splats/index.ts';
import type { LanguageFile } from './artifact.ts';
import { answerOfMap, passesGate, type RelevancyMap, RenderedRows, sharpenedGate, splattedMaps } from './maps.ts';
import type { ChosenScale, QueryField } from './query-field.ts';
import type { QueryVectors } from './rows.ts';
import type { TextVectors } from './texts.ts';

/** A field that was opened, with the texts of the encoder that it was made with. */
export interface OpenField {
  readonly field: QueryField;
  readonly header: LanguageFile['header'];
  readonly visibility: Float32Array;
  readonly texts: TextVectors;
}

/** Which Gaussian belongs to which object. */
export interface QueryMembers {
  /** [N] 0 = none */
  readonly ids: Uint32Array;
  /** [N] in [0, 1] */
  readonly confidence: Float32Array;
}

export interface QueryScene {
  readonly backend: Backend;
  readonly reader: WeightReader;
  readonly members?: QueryMembers | undefined;
}

type Answer = Omit<ViewQueryAnswer, 'warm' | 'totalMs'>;

/** @throws LiftscopeError `bad-input` for an empty text, a scale that there is not; OutOfMemoryError */
export async function answerQuery(call: ViewQueryCall, open: OpenField, scene: QueryScene): Promise<Answer> {
  const { field, header, visibility, texts } = open;
  const began = performance.now();
  const { unknownWords, notes } = texts.encoder.inspectText(call.text);
  const [query, ...negatives] = await texts.of([call.text, ...call.negatives]);
  const encodeMs = performance.now() - began;
  const vectors: QueryVectors = { query: query!, negatives, sharpness: call.sharpness };
  const { maxima, best } = await field.maxima(vectors);
  const stated = field.scales.length > 0 ? texts.encoder.gates?.[header.recipe] : undefined;
  const wanted = call.scale === 'auto' ? (stated === undefined ? field.automatic : 'best') : call.scale;
  const scale: ChosenScale = wanted === 'best' ? best : wanted;
  const relevancy = await field.relevancy(vectors, scale);
  if (call.relevancyPath !== undefined) await writeFile(call.relevancyPath, relevancy);
  const maximum = relevancy.reduce((most, value) => Math.max(most, value), 0);
  // One scale, or the composite, is asked as published: it was not chosen for what it says about this text.
  const gate = wanted === 'best' && stated !== undefined ? sharpenedGate(stated, call.sharpness) : RELEVANCY_GATE;
  const found = passesGate(maximum, gate);
  const ranked = found && scene.members !== undefined ? rankObjects(relevancy, visibility, scene.members) : [];
  const threshold = call.threshold ?? LANGUAGE_THRESHOLDS[header.recipe];
  const looked = await lookAtViews(call, { field, vectors, scale, relevancy, ranked, threshold, gate }, scene);
  return {
    ...{ found, gate, maximum, scale, threshold, encodeMs },
    ...{ unknownWords: [...unknownWords], notes: [...notes] },
    scales: field.scales.map((name, i) => ({ name, maximum: maxima[i]! })),
    objects: ranked.map((object, k) => ({ ...object, views: looked.ofObjects[k] ?? [] })),
    views: looked.views,
    ...{ negatives: [...call.negatives], recipe: header.recipe },
  };
}

interface RankedObject {
  readonly id: number;
  readonly relevancy: number;
  readonly maximum: number;
  readonly share: number;
}

/** By mean raw relevancy; a Gaussian counts by how much of it was seen and how surely it belongs to the object. */
export function rankObjects(
  relevancy: Float32Array,
  visibility: Float32Array,
  { ids, confidence }: QueryMembers,
): RankedObject[] {
  const sums = new Map<number, { weight: number; sum: number; maximum: number; above: number }>();
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i]!;
    const weight = visibility[i]! * confidence[i]!;
    if (id === 0 || !(weight > 0)) continue;
    const own = sums.get(id) ?? { weight: 0, sum: 0, maximum: 0, above: 0 };
    sums.set(id, own);
    own.weight += weight;
    own.sum += weight * relevancy[i]!;
    own.maximum = Math.max(own.maximum, relevancy[i]!);
    if (passesGate(relevancy[i]!)) own.above += weight;
  }
  return [...sums]
    .map(([id, { weight, sum, maximum, above }]) => ({ id, relevancy: sum / weight, maximum, share: above / weight }))
    .sort((a, b) => b.relevancy - a.relevancy || a.id - b.id);
}

interface Look {
  readonly field: QueryField;
  readonly vectors: QueryVectors;
  readonly scale: ChosenScale;
  readonly relevancy: Float32Array;
  readonly ranked: readonly RankedObject[];
  readonly threshold: number;
  readonly gate: number;
}

const BEST_VIEWS = 5;

async function lookAtViews(call: ViewQueryCall, look: Look, { backend, reader, members }: QueryScene) {
  const { relevancy, ranked } = look;
  const shown = ranked.slice(0, MAX_OBJECTS_IN_VIEWS).map(({ id }) => id);
  const scores: { view: number; score: number }[][] = shown.map(() => []);
  const views: Answer['views'] = [];
  if (call.views.length === 0) return { views, ofObjects: [] };
  const values = objectChannels(relevancy, members, shown);
  const channels = 1 + shown.length;
  const buffer = backend.createBuffer('relevancy of objects', Math.max(4, values.byteLength));
  const renderable = call.order === 'rendered' ? look.field.renderable(look.scale) : undefined;
  try {
    backend.write(buffer, values);
    for (const [index, asked] of call.views.entries()) {
      const view = viewOf(asked);
      const [splatted, ...ofObjects] = await splattedMaps(reader, view, buffer, channels);
      let map: RelevancyMap = splatted!;
      if (renderable !== undefined) {
        const rows = await RenderedRows.render(backend, reader, view, renderable);
        map = await rows.map(look.vectors);
        rows.dispose();
      }
      for (const [k, object] of ofObjects.entries()) {
        const score = object.values.reduce((sum, value) => sum + value, 0);
        if (score > 0) scores[k]!.push({ view: index, score });
      }
      const { maximum, best, level } = answerOfMap(map, look.threshold, look.gate);
      views.push({
        maximum,
        best: best < 0 ? null : { x: (best % map.width) + 0.5, y: Math.floor(best / map.width) + 0.5 },
        areaPx: map.values.reduce((area, value) => area + (value >= level ? 1 : 0), 0),
        ...(call.withMaps && { map: bytesOfMap(map) }),
      });
    }
  } finally {
    renderable?.dispose();
    backend.destroyBuffer(buffer);
  }
  const ofObjects = scores.map((own) => own.sort((a, b) => b.score - a.score || a.view - b.view).slice(0, BEST_VIEWS));
  return { views, ofObjects };
}

/** [N, 1 + objects] relevancy, and relevancy where a Gaussian belongs to the object. */
function objectChannels(relevancy: Float32Array, members: QueryMembers | undefined, shown: readonly number[]) {
  const channels = 1 + shown.length;
  const channelOf = new Map(shown.map((id, k) => [id, k + 1]));
  const values = new Float32Array(relevancy.length * channels);
  for (let i = 0; i < relevancy.length; i++) {
    values[i * channels] = relevancy[i]!;
    const channel = members === undefined ? undefined : channelOf.get(members.ids[i]!);
    if (channel !== undefined) values[i * channels + channel] = relevancy[i]! * members!.confidence[i]!;
  }
  return values;
}

/** 0 to 255 for 0 to 1. */
function bytesOfMap({ values }: RelevancyMap): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(values, (value) => Math.round(255 * Math.min(1, Math.max(0, value))));
}
