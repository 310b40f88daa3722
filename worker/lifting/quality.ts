/** A lift against a generated scene's truth: the `messy-rooms` protocol. */
import type { LiftQuality, TrainingFrame } from '../../contract/index.ts';
import { type PanopticFrame, type PanopticQuality, panopticQuality } from '../metrics/index.ts';
import type { InstanceRenderer, NamedSegments } from '../objects/index.ts';
import { panopticFrame, readSceneTruth } from '../scenes/index.ts';
import { viewOf } from '../splats/index.ts';

const FOREGROUND = 1;
const TWO_CLASSES = { things: [FOREGROUND], stuff: [0], minClassShare: 0 } as const;

/** One frame to score: its truth, and what is said about it. [H·W] each, 0 = background. */
export interface ScoredFrame {
  readonly width: number;
  readonly height: number;
  readonly truth: Uint16Array;
  readonly lifted: Uint32Array;
  /** The masks as given; absent where the frame has none. */
  readonly given?: Uint16Array | Uint32Array;
}

/**
 * True segments under 1e-3 of an image are void for everyone; every predicted pixel is foreground or background.
 * @throws MetricInputError on a wrong size
 */
export function liftQuality(frames: readonly ScoredFrame[]): LiftQuality {
  const against = (choose: (frame: ScoredFrame) => ArrayLike<number>) =>
    frames.map((frame) => frameOf(frame, choose(frame)));
  const after = against(({ lifted }) => lifted);
  const scene = panopticQuality(after, TWO_CLASSES);
  const single = panopticQuality(
    against(({ lifted }) => lifted.map((id) => Math.min(1, id))),
    TWO_CLASSES,
  );
  const given = frames.filter(({ given: masks }) => masks !== undefined);
  const things = scene.classes.find(({ id }) => id === FOREGROUND);
  const { truePositives = 0, falsePositives = 0, falseNegatives = 0 } = things ?? {};
  return {
    things: { ...percent(things), truePositives, falsePositives, falseNegatives },
    twoClass: percent(scene),
    perFrame: {
      before: given.length === 0 ? null : meanPerFrame(given.map((frame) => frameOf(frame, frame.given!))),
      after: meanPerFrame(after),
    },
    allOneInstance: {
      ...percent(single.classes.find(({ id }) => id === FOREGROUND)),
      twoClassPq: percent(single).pq,
    },
    frames: frames.length,
  };
}

function frameOf({ truth, width, height }: ScoredFrame, predicted: ArrayLike<number>): PanopticFrame {
  // Ids of a lift may pass 65,535, so the predicted half is filled in here.
  const background = panopticFrame(truth, new Uint16Array(truth.length), width, height);
  const predictedInstances = Uint32Array.from(predicted);
  return { ...background, predictedInstances, predictedClasses: predictedInstances.map((id) => Math.min(1, id)) };
}

function percent(quality: Pick<PanopticQuality, 'pq' | 'sq' | 'rq'> | undefined) {
  const of = (value: number | undefined) => (value === undefined || Number.isNaN(value) ? 0 : 100 * value);
  return { pq: of(quality?.pq), sq: of(quality?.sq), rq: of(quality?.rq) };
}

/** Mean over the frames in which there is something to score; null when there is none. */
function meanPerFrame(frames: readonly PanopticFrame[]): number | null {
  const scores = frames.flatMap((frame) => {
    const things = panopticQuality([frame], TWO_CLASSES).classes.find(({ id }) => id === FOREGROUND);
    return things === undefined ? [] : [100 * things.pq];
  });
  return scores.length === 0 ? null : scores.reduce((sum, value) => sum + value, 0) / scores.length;
}

/** Renders the instance map of every frame and scores it. @throws SceneTruthError */
export async function scoreLift(
  renderer: InstanceRenderer,
  frames: readonly TrainingFrame[],
  given: ReadonlyMap<string, NamedSegments>,
  truthDir: string,
): Promise<LiftQuality> {
  const truth = await readSceneTruth(truthDir);
  const scored: ScoredFrame[] = [];
  for (const frame of frames) {
    const { instance, width, height } = await truth.readFrame(frame.name);
    const lifted = await renderer.map(viewOf(frame));
    const masks = given.get(frame.name)?.segments;
    const { width: columns, height: rows } = frame;
    const small = { width: columns, height: rows, truth: resampled(instance, width, height, columns, rows) };
    scored.push({ ...small, lifted, ...(masks !== undefined && { given: masks }) });
  }
  return liftQuality(scored);
}

/** A frame that was imported at a smaller scale looks its truth up at its pixels' centres. */
function resampled(labels: Uint16Array, width: number, height: number, columns: number, rows: number): Uint16Array {
  if (columns === width && rows === height) return labels;
  const small = new Uint16Array(columns * rows);
  for (let y = 0; y < rows; y++) {
    const from = Math.floor(((y + 0.5) * height) / rows) * width;
    for (let x = 0; x < columns; x++)
      small[y * columns + x] = labels[from + Math.floor(((x + 0.5) * width) / columns)]!;
  }
  return small;
}
