/** Noisy masks of parts, objects and touching groups of a generated scene: what a segmenter at all scales would give. */
import { LiftscopeError, type TrainingFrame } from '../../contract/index.ts';
import {
  type FrameTruth,
  type NoisePreset,
  readSceneTruth,
  type SceneTruth,
  SceneTruthError,
  segmentImage,
} from '../scenes/index.ts';
import type { MaskSegment } from './segments.ts';

/** Objects of one group: more of them touching are several groups. */
const LARGEST_GROUP = 4;

/**
 * Each layer goes through the simulated segmenter by itself, with its error rates: parts of objects that have several, objects,
 * groups of objects that touch in the image. The same seed gives the same masks.
 * @throws LiftscopeError `bad-input` for a truth that cannot be read, or frames imported at another size
 */
export async function simulateLayers(
  truthDir: string,
  frames: readonly TrainingFrame[],
  noise: NoisePreset,
  seed: number,
): Promise<ReadonlyMap<string, readonly MaskSegment[]>> {
  try {
    const truth = await readSceneTruth(truthDir);
    const parts = partsThatDiffer(truth);
    const layers = new Map<string, readonly MaskSegment[]>();
    for (const frame of frames) {
      const read = await truth.readFrame(frame.name);
      requireSize(frame, read);
      // The segmenter's dice depend on the frame's name as the scene has it.
      const name = truth.frameNamed(frame.name)?.name ?? frame.name;
      layers.set(frame.name, layersOf(read, parts, name, noise, seed));
    }
    return layers;
  } catch (error) {
    if (!(error instanceof SceneTruthError)) throw error;
    const message = `The scene's truth cannot be used: ${error.message}`;
    throw new LiftscopeError({ code: 'bad-input', message, hint: 'Generate the scene again.' }, { cause: error });
  }
}

function requireSize(frame: TrainingFrame, { width, height }: FrameTruth): void {
  if (width === frame.width && height === frame.height) return;
  throw new LiftscopeError({
    code: 'bad-input',
    message: `Frame ${frame.name} is ${frame.width}x${frame.height}, its truth ${width}x${height}: simulated segments need the scene at its own size.`,
    hint: 'Import the scene without --scale, or name mask sets of your own.',
  });
}

/** Ids of parts that are not the whole object. */
function partsThatDiffer({ objects }: SceneTruth): ReadonlySet<number> {
  return new Set(objects.flatMap(({ parts }) => (parts.length < 2 ? [] : parts.map(({ id }) => id))));
}

/** [H, W] images of one frame; labels of 0 are no segment. */
export type LayerTruth = Pick<FrameTruth, 'instance' | 'part' | 'width' | 'height'>;

export function layersOf(
  { instance, part, width, height }: LayerTruth,
  parts: ReadonlySet<number>,
  name: string,
  noise: NoisePreset,
  seed: number,
): MaskSegment[] {
  const layers: [string, Uint16Array][] = [
    ['parts', part.map((id) => (parts.has(id) ? id : 0))],
    ['objects', instance],
    ['groups', groupsOf(instance, width, height)],
  ];
  return layers.flatMap(([layer, labels]) => {
    const segmented = segmentImage(labels, width, height, name, noise, `${seed}/${layer}`);
    const pixels = pixelsOfLabels(segmented.labels);
    return segmented.segments.map(({ id, confidence }) => ({ pixels: pixels.get(id)!, confidence }));
  });
}

/** Row-major pixels of every label but 0, ascending. */
function pixelsOfLabels(labels: ArrayLike<number>): ReadonlyMap<number, Uint32Array> {
  const counts = new Map<number, number>();
  for (let i = 0; i < labels.length; i++) counts.set(labels[i]!, (counts.get(labels[i]!) ?? 0) + 1);
  counts.delete(0);
  const pixels = new Map([...counts].map(([label, count]) => [label, new Uint32Array(count)]));
  const filled = new Map<number, number>();
  for (let i = 0; i < labels.length; i++) {
    const own = pixels.get(labels[i]!);
    if (own === undefined) continue;
    const at = filled.get(labels[i]!) ?? 0;
    own[at] = i;
    filled.set(labels[i]!, at + 1);
  }
  return pixels;
}

/**
 * Objects joined where they share the longest borders, up to {@link LARGEST_GROUP} in a group; who touches nobody is in none.
 * @param instance [H·W]
 * @returns [H·W] group numbers from 1, 0 = none
 */
function groupsOf(instance: Uint16Array, width: number, height: number): Uint16Array {
  const borders = new Map<number, number>();
  const look = (a: number, b: number): void => {
    if (a === b || a === 0 || b === 0) return;
    const key = Math.min(a, b) * 65_536 + Math.max(a, b);
    borders.set(key, (borders.get(key) ?? 0) + 1);
  };
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      if (x + 1 < width) look(instance[i]!, instance[i + 1]!);
      if (y + 1 < height) look(instance[i]!, instance[i + width]!);
    }
  }
  const groupOf = new Map<number, number[]>();
  const longest = [...borders].sort(([a, m], [b, n]) => n - m || a - b);
  for (const [key] of longest) {
    const [a, b] = [Math.floor(key / 65_536), key % 65_536];
    const [one, other] = [groupOf.get(a) ?? [a], groupOf.get(b) ?? [b]];
    if (one === other || one.length + other.length > LARGEST_GROUP) continue;
    const joined = [...one, ...other];
    for (const member of joined) groupOf.set(member, joined);
  }
  const numbers = new Map([...new Set(groupOf.values())].map((members, index) => [members, index + 1]));
  return instance.map((id) => numbers.get(groupOf.get(id) ?? []) ?? 0);
}
