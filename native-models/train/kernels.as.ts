// Training's inner loops on float32 arrays in WebAssembly memory, compiled when training starts. Sizes are in numbers, pointers in bytes.

// @ts-ignore: decorator
@inline
function fma(a: v128, b: v128, c: v128): v128 {
  return f32x4.relaxed_madd(a, b, c);
}

// @ts-ignore: decorator
@inline
function at(x: usize, base: usize, p: i32): usize {
  return x + (<usize>load<u32>(base + (<usize>p << 2)) << 2);
}

/** Convolutions as matrix products: out[p] = the window at inBase[p], its runs r * runStride + [0, runLength) one after another. */
export function gather(
  x: usize, inBase: usize, runs: i32, runLength: i32, runStride: i32, pixels: i32, out: usize,
): void {
  const bytes = <usize>runLength << 2;
  const step = <usize>runStride << 2;
  const vectors = bytes & ~15;
  for (let p = 0; p < pixels; p++) {
    let from = at(x, inBase, p);
    for (let r = 0; r < runs; r++) {
      let k: usize = 0;
      for (; k < vectors; k += 16) v128.store(out + k, v128.load(from + k));
      for (; k < bytes; k += 4) store<f32>(out + k, load<f32>(from + k));
      from += step;
      out += bytes;
    }
  }
}

/** The way back, for windows that do not overlap. */
export function scatter(
  rows: usize, inBase: usize, runs: i32, runLength: i32, runStride: i32, pixels: i32, out: usize,
): void {
  const bytes = <usize>runLength << 2;
  const step = <usize>runStride << 2;
  const vectors = bytes & ~15;
  for (let p = 0; p < pixels; p++) {
    let to = at(out, inBase, p);
    for (let r = 0; r < runs; r++) {
      let k: usize = 0;
      for (; k < vectors; k += 16) v128.store(to + k, v128.load(rows + k));
      for (; k < bytes; k += 4) store<f32>(to + k, load<f32>(rows + k));
      to += step;
      rows += bytes;
    }
  }
}

/** [taps, rows, columns] to [taps, columns, rows]; with `reverse` the taps come in reverse order. */
export function transpose(w: usize, taps: i32, rows: i32, columns: i32, reverse: bool, out: usize): void {
  for (let tap = 0; tap < taps; tap++) {
    const from = w + (<usize>((reverse ? taps - 1 - tap : tap) * rows * columns) << 2);
    const to = out + (<usize>(tap * rows * columns) << 2);
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        store<f32>(to + (<usize>(j * rows + i) << 2), load<f32>(from + (<usize>(i * columns + j) << 2)));
      }
    }
  }
}

/** [n, h, w * c] into the middle of zeros [n, high, wide * c]. */
export function pad(
  x: usize, n: i32, h: i32, w: i32, c: i32, top: i32, left: i32, high: i32, wide: i32, out: usize,
): void {
  memory.fill(out, 0, <usize>(n * high * wide * c) << 2);
  const bytes = <usize>(w * c) << 2;
  for (let i = 0; i < n; i++) {
    for (let y = 0; y < h; y++) {
      memory.copy(out + (<usize>(((i * high + y + top) * wide + left) * c) << 2), x + <usize>(i * h + y) * bytes, bytes);
    }
  }
}

// @ts-ignore: decorator
@inline
function total(v: v128): f32 {
  return f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3);
}

/** relu(gain * x / sqrt(mean of x^2 + epsilon) + bias) over rows of `channels`. */
export function rmsRelu(x: usize, gain: usize, bias: usize, out: usize, rows: i32, channels: i32, epsilon: f32): void {
  const bytes = <usize>channels << 2;
  const zero = f32x4.splat(0);
  for (let i = 0; i < rows; i++) {
    let sum = zero;
    for (let k: usize = 0; k < bytes; k += 16) {
      const v = v128.load(x + k);
      sum = fma(v, v, sum);
    }
    const scale = f32x4.splat(<f32>1 / sqrt<f32>(total(sum) / <f32>channels + epsilon));
    for (let k: usize = 0; k < bytes; k += 16) {
      const unit = f32x4.mul(v128.load(x + k), scale);
      v128.store(out + k, f32x4.pmax(zero, fma(unit, v128.load(gain + k), v128.load(bias + k))));
    }
    x += bytes;
    out += bytes;
  }
}

/** dx, and dGain and dBias added up, of `rmsRelu`. */
export function rmsReluSlopes(
  x: usize, gain: usize, bias: usize, dy: usize, dx: usize, dGain: usize, dBias: usize, rows: i32, channels: i32, epsilon: f32,
): void {
  const bytes = <usize>channels << 2;
  const zero = f32x4.splat(0);
  for (let i = 0; i < rows; i++) {
    let sum = zero;
    for (let k: usize = 0; k < bytes; k += 16) {
      const v = v128.load(x + k);
      sum = fma(v, v, sum);
    }
    const inverse = <f32>1 / sqrt<f32>(total(sum) / <f32>channels + epsilon);
    const scale = f32x4.splat(inverse);
    let inner = zero;
    for (let k: usize = 0; k < bytes; k += 16) {
      const unit = f32x4.mul(v128.load(x + k), scale);
      const g = v128.load(gain + k);
      const open = f32x4.gt(fma(unit, g, v128.load(bias + k)), zero);
      const d = v128.and(v128.load(dy + k), open);
      v128.store(dGain + k, fma(d, unit, v128.load(dGain + k)));
      v128.store(dBias + k, f32x4.add(d, v128.load(dBias + k)));
      const e = f32x4.mul(d, g);
      v128.store(dx + k, e);
      inner = fma(e, unit, inner);
    }
    // y = x / rms(x): dx = (d - unit * mean of d * unit) / rms.
    const mean = f32x4.splat(-total(inner) / <f32>channels * inverse);
    for (let k: usize = 0; k < bytes; k += 16) {
      v128.store(dx + k, f32x4.mul(fma(v128.load(x + k), mean, v128.load(dx + k)), scale));
    }
    x += bytes;
    dy += bytes;
    dx += bytes;
  }
}

/** out = a + b, whole vectors. */
export function sum(a: usize, b: usize, out: usize, count: i32): void {
  const bytes = <usize>count << 2;
  for (let k: usize = 0; k < bytes; k += 16) v128.store(out + k, f32x4.add(v128.load(a + k), v128.load(b + k)));
}

/**
 * Adam with decoupled weight decay, and the running average of the weights; whole vectors.
 * `rate` is divided by the first bias correction already, `rootCorrection` is the root of the second one's inverse.
 */
export function adam(
  p: usize, g: usize, m: usize, s: usize, average: usize, decay: usize, count: i32,
  rate: f32, decayRate: f32, keep1: f32, keep2: f32, rootCorrection: f32, keep: f32,
): void {
  const bytes = <usize>count << 2;
  const k1 = f32x4.splat(keep1), t1 = f32x4.splat(<f32>1 - keep1), k2 = f32x4.splat(keep2), t2 = f32x4.splat(<f32>1 - keep2);
  const r = f32x4.splat(rate), d = f32x4.splat(decayRate), c = f32x4.splat(rootCorrection), tiny = f32x4.splat(1e-8);
  const ka = f32x4.splat(keep), ta = f32x4.splat(<f32>1 - keep);
  for (let k: usize = 0; k < bytes; k += 16) {
    const gradient = v128.load(g + k);
    const newM = fma(k1, v128.load(m + k), f32x4.mul(t1, gradient));
    const newS = fma(k2, v128.load(s + k), f32x4.mul(t2, f32x4.mul(gradient, gradient)));
    v128.store(m + k, newM);
    v128.store(s + k, newS);
    const old = v128.load(p + k);
    const kept = f32x4.sub(old, f32x4.mul(f32x4.mul(old, d), v128.load(decay + k)));
    const moved = f32x4.sub(kept, f32x4.div(f32x4.mul(r, newM), fma(f32x4.sqrt(newS), c, tiny)));
    v128.store(p + k, moved);
    v128.store(average + k, fma(ka, v128.load(average + k), f32x4.mul(ta, moved)));
  }
}
