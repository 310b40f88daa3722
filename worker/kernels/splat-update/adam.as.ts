// Adam on one v128 of parameters. The caller folds the bias corrections into the rate and epsilon:
// rate sqrt(1 - beta2^t) / (1 - beta1^t) and epsilon sqrt(1 - beta2^t).

import { fma, splat } from "../shared/math.as";

/** Constants of one update, splatted into memory by storeConstants: a broadcast in L1 costs no register. */
export const ADAM_BETA1: usize = 0;
export const ADAM_ONE_MINUS_BETA1: usize = 16;
export const ADAM_BETA2: usize = 32;
export const ADAM_ONE_MINUS_BETA2: usize = 48;
export const ADAM_EPSILON: usize = 64;

// @ts-ignore: decorator
@inline
export function storeConstants(adam: usize, beta1: f32, beta2: f32, epsilon: f32): void {
  v128.store(adam, splat(beta1), ADAM_BETA1);
  v128.store(adam, splat(<f32>1.0 - beta1), ADAM_ONE_MINUS_BETA1);
  v128.store(adam, splat(beta2), ADAM_BETA2);
  v128.store(adam, splat(<f32>1.0 - beta2), ADAM_ONE_MINUS_BETA2);
  v128.store(adam, splat(epsilon), ADAM_EPSILON);
}

/**
 * One step on the v128 at `parameter` with moments at `first` and `second`; returns the new value, already stored.
 * With `masked`, lanes outside `mask` keep parameter and moments.
 */
// @ts-ignore: decorator
@inline
export function adamStep(
  adam: usize, parameter: usize, first: usize, second: usize, value: v128, gradient: v128, rate: v128,
  masked: bool, mask: v128,
): v128 {
  const oldFirst = v128.load(first);
  const oldSecond = v128.load(second);
  let m = fma(v128.load(adam, ADAM_BETA1), oldFirst, f32x4.mul(v128.load(adam, ADAM_ONE_MINUS_BETA1), gradient));
  const scaled = f32x4.mul(v128.load(adam, ADAM_ONE_MINUS_BETA2), gradient);
  let v = fma(v128.load(adam, ADAM_BETA2), oldSecond, f32x4.mul(scaled, gradient));
  const step = f32x4.div(f32x4.mul(rate, m), f32x4.add(f32x4.sqrt(v), v128.load(adam, ADAM_EPSILON)));
  let next = f32x4.sub(value, step);
  if (masked) {
    m = v128.bitselect(m, oldFirst, mask);
    v = v128.bitselect(v, oldSecond, mask);
    next = v128.bitselect(next, value, mask);
  }
  v128.store(first, m);
  v128.store(second, v);
  v128.store(parameter, next);
  return next;
}
