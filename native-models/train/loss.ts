/** The loss on the table of cosines between a batch's crops and captions, with its gradient in closed form. */
import * as tf from '@tensorflow/tfjs';

/** Steepness of the contrastive terms. */
export const STEEPNESS = 16;
/** Cosine from which a text counts as true of a crop; the generic words lie at it. */
export const GATE = 0.2;
/** True texts shall lie this far above the gate, false ones below it. */
const MARGIN = 0.08;
const GATE_STEEPNESS = 20;
const GATE_WEIGHT = 0.6;
/** Weight of a false pair against that of a true one in the gate: the less, the more true names pass it, and false ones with them. */
const FALSE_SHARE = 0.2;

/** Columns that compete in each row among themselves, besides with all others. */
export interface Rivals {
  readonly from: number;
  readonly to: number;
  readonly weight: number;
}

export interface Truth {
  readonly rows: number;
  readonly columns: number;
  /** [rows, columns]: 1 true, −1 false, 0 not judged. */
  readonly verdicts: Int8Array;
  /** [rows, columns]: cosines that generic words shall have; NaN elsewhere. */
  readonly targets: Float32Array;
  /** Of the mean squared miss of the targets. */
  readonly genericWeight: number;
  readonly rivals?: readonly Rivals[];
}

/**
 * Contrastive in both directions: each true pair against the false ones of its row, and of its column, but not against other true
 * pairs; in the row also among the columns of each kind of `rivals`. A logistic term holds true pairs above the gate and false ones
 * below; generic words are drawn to their targets.
 * @returns the loss, and its gradient [rows, columns]
 */
export function pairLoss(cosines: Float32Array, truth: Truth): { loss: number; gradient: Float32Array } {
  const { rows, columns, verdicts, targets, genericWeight, rivals = [] } = truth;
  const gradient = new Float32Array(cosines.length);
  let loss = 0;
  const contrast = (lines: number, length: number, at: (line: number, i: number) => number, share = 1): void => {
    let judged = 0;
    const start: number[] = [];
    for (let line = 0; line < lines; line++) {
      let positives = 0;
      for (let i = 0; i < length; i++) if (verdicts[at(line, i)] === 1) positives++;
      start.push(positives);
      if (positives > 0) judged++;
    }
    if (judged === 0) return;
    for (let line = 0; line < lines; line++) {
      const positives = start[line]!;
      if (positives === 0) continue;
      const weight = share / (positives * judged);
      let others = 0;
      for (let i = 0; i < length; i++) {
        const k = at(line, i);
        if (verdicts[k] === -1) others += Math.exp(STEEPNESS * cosines[k]!);
      }
      let pull = 0;
      for (let i = 0; i < length; i++) {
        const k = at(line, i);
        if (verdicts[k] !== 1) continue;
        const own = Math.exp(STEEPNESS * cosines[k]!);
        loss += weight * Math.log1p(others / own);
        const missed = others / (own + others);
        gradient[k] = gradient[k]! - weight * STEEPNESS * missed;
        pull += missed;
      }
      if (others === 0) continue;
      for (let i = 0; i < length; i++) {
        const k = at(line, i);
        if (verdicts[k] !== -1) continue;
        const part = Math.exp(STEEPNESS * cosines[k]!) / others;
        gradient[k] = gradient[k]! + weight * STEEPNESS * pull * part;
      }
    }
  };
  contrast(rows, columns, (line, i) => line * columns + i);
  contrast(columns, rows, (line, i) => i * columns + line);
  for (const { from, to, weight } of rivals) {
    contrast(rows, to - from, (line, i) => line * columns + from + i, weight);
  }

  let generics = 0;
  const counts = [0, 0];
  for (let k = 0; k < cosines.length; k++) {
    if (!Number.isNaN(targets[k])) generics++;
    if (verdicts[k] === 1) counts[0] = counts[0]! + 1;
  }
  // False pairs are many and mostly easy: their sum is shared out as if each true pair had a few of them.
  const scale = GATE_WEIGHT / Math.max(1, counts[0]!);
  for (let k = 0; k < cosines.length; k++) {
    const target = targets[k]!;
    if (!Number.isNaN(target)) {
      const off = cosines[k]! - target;
      loss += (genericWeight * off * off) / generics;
      gradient[k] = gradient[k]! + (2 * genericWeight * off) / generics;
    }
    const verdict = verdicts[k]!;
    if (verdict === 0) continue;
    const logit = GATE_STEEPNESS * (verdict * (GATE - cosines[k]!) + MARGIN);
    const weight = verdict === 1 ? scale : FALSE_SHARE * scale;
    loss += weight * (logit > 30 ? logit : Math.log1p(Math.exp(logit)));
    gradient[k] = gradient[k]! - (weight * GATE_STEEPNESS * verdict) / (1 + Math.exp(-logit));
  }
  return { loss, gradient };
}

/**
 * Cross entropy of the right words among all of their kind.
 * @param cosines [B, words] @param labels [B] the right words, −1 where none is; those count for nothing
 */
export function wordLoss(cosines: tf.Tensor, labels: Int32Array): tf.Scalar {
  const operation = tf.customGrad((...args) => {
    const input = args[0] as tf.Tensor;
    const values = input.dataSync() as Float32Array;
    const words = input.shape[1]!;
    const judged = Math.max(1, labels.filter((label) => label >= 0).length);
    const gradient = new Float32Array(values.length);
    let loss = 0;
    labels.forEach((label, row) => {
      if (label < 0) return;
      const own = values.subarray(row * words, (row + 1) * words);
      const powers = Array.from(own, (cosine) => Math.exp(STEEPNESS * cosine));
      const total = powers.reduce((sum, power) => sum + power, 0);
      loss -= Math.log(powers[label]! / total) / judged;
      powers.forEach((power, i) => {
        gradient[row * words + i] = (STEEPNESS * (power / total - (i === label ? 1 : 0))) / judged;
      });
    });
    return {
      value: tf.scalar(loss),
      gradFunc: (dy) => tf.mul(dy as tf.Tensor, tf.tensor(gradient, input.shape)),
    };
  });
  return operation(cosines) as tf.Scalar;
}

/** {@link pairLoss} as an operation of TensorFlow.js. @param cosines [rows, columns] */
export function batchLoss(cosines: tf.Tensor2D, truth: Truth): tf.Scalar {
  const operation = tf.customGrad((...args) => {
    const input = args[0] as tf.Tensor2D;
    const { loss, gradient } = pairLoss(input.dataSync() as Float32Array, truth);
    return {
      value: tf.scalar(loss),
      gradFunc: (dy) => tf.mul(dy as tf.Tensor, tf.tensor2d(gradient, [truth.rows, truth.columns])),
    };
  });
  return operation(cosines) as tf.Scalar;
}
