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

/**
 * out[outBase[p] + c] = sum over runs r and i of x[inBase[p] + r * runStride + i] * w[r * runLength + i, c]: convolutions whose windows
 * are runs of the (padded) input, and plain products. w is packed [couts / 8][runs * runLength][8].
 */
export function products(
  x: usize, inBase: usize, runs: i32, runLength: i32, runStride: i32, w: usize, out: usize, outBase: usize, pixels: i32, couts: i32,
): void {
  const panelBytes = <usize>(runs * runLength) << 5;
  const runBytes = <usize>runLength << 2;
  const end = pixels - 1;
  // As many runs at once as leave their weights in the first cache.
  const group = max(1, 768 / runLength);
  for (let first = 0; first < pixels; first += 96) {
    const last = min(first + 96, pixels);
    for (let c = 0; c < couts; c += 8) {
      const o = out + (<usize>c << 2);
      let panel = w + <usize>(c >> 3) * panelBytes;
      for (let run = 0; run < runs; run += group) {
      const runEnd = min(run + group, runs);
      const skip = <usize>(run * runStride) << 2;
      for (let p = first; p < last; p += 6) {
        // Past the end the last pixel is done again: it gets the same value.
        const p1 = min(p + 1, end), p2 = min(p + 2, end), p3 = min(p + 3, end), p4 = min(p + 4, end), p5 = min(p + 5, end);
        let x0 = at(x, inBase, p) + skip, x1 = at(x, inBase, p1) + skip, x2 = at(x, inBase, p2) + skip;
        let x3 = at(x, inBase, p3) + skip, x4 = at(x, inBase, p4) + skip, x5 = at(x, inBase, p5) + skip;
        let a0 = f32x4.splat(0), b0 = a0, a1 = a0, b1 = a0, a2 = a0, b2 = a0;
        let a3 = a0, b3 = a0, a4 = a0, b4 = a0, a5 = a0, b5 = a0;
        if (run > 0) {
          let to = at(o, outBase, p);
          a0 = v128.load(to);
          b0 = v128.load(to, 16);
          to = at(o, outBase, p1);
          a1 = v128.load(to);
          b1 = v128.load(to, 16);
          to = at(o, outBase, p2);
          a2 = v128.load(to);
          b2 = v128.load(to, 16);
          to = at(o, outBase, p3);
          a3 = v128.load(to);
          b3 = v128.load(to, 16);
          to = at(o, outBase, p4);
          a4 = v128.load(to);
          b4 = v128.load(to, 16);
          to = at(o, outBase, p5);
          a5 = v128.load(to);
          b5 = v128.load(to, 16);
        }
        let q = panel;
        for (let r = run; r < runEnd; r++) {
          for (let t: usize = 0; t < runBytes; t += 4) {
            const u = v128.load(q), v = v128.load(q, 16);
            q += 32;
            let s = v128.load32_splat(x0 + t);
            a0 = fma(s, u, a0);
            b0 = fma(s, v, b0);
            s = v128.load32_splat(x1 + t);
            a1 = fma(s, u, a1);
            b1 = fma(s, v, b1);
            s = v128.load32_splat(x2 + t);
            a2 = fma(s, u, a2);
            b2 = fma(s, v, b2);
            s = v128.load32_splat(x3 + t);
            a3 = fma(s, u, a3);
            b3 = fma(s, v, b3);
            s = v128.load32_splat(x4 + t);
            a4 = fma(s, u, a4);
            b4 = fma(s, v, b4);
            s = v128.load32_splat(x5 + t);
            a5 = fma(s, u, a5);
            b5 = fma(s, v, b5);
          }
          const step = <usize>runStride << 2;
          x0 += step;
          x1 += step;
          x2 += step;
          x3 += step;
          x4 += step;
          x5 += step;
        }
        let to = at(o, outBase, p);
        v128.store(to, a0);
        v128.store(to, b0, 16);
        to = at(o, outBase, p1);
        v128.store(to, a1);
        v128.store(to, b1, 16);
        to = at(o, outBase, p2);
        v128.store(to, a2);
        v128.store(to, b2, 16);
        to = at(o, outBase, p3);
        v128.store(to, a3);
        v128.store(to, b3, 16);
        to = at(o, outBase, p4);
        v128.store(to, a4);
        v128.store(to, b4, 16);
        to = at(o, outBase, p5);
        v128.store(to, a5);
        v128.store(to, b5, 16);
      }
      panel += (<usize>(runEnd - run) * runBytes) << 3;
      }
    }
  }
}

/** dw[r * runLength + i, c] += sum over p of x[inBase[p] + r * runStride + i] * dy[p, c]: the gradient of `products` to w. */
export function filterSlopes(
  x: usize, inBase: usize, runs: i32, runLength: i32, runStride: i32, dy: usize, pixels: i32, couts: i32, dw: usize,
): void {
  const row = <usize>couts << 2;
  for (let first = 0; first < pixels; first += 144) {
    const last = min(first + 144, pixels);
    for (let r = 0; r < runs; r++) {
      let i = 0;
      while (i < runLength) {
        const from = x + (<usize>(r * runStride + i) << 2);
        const six = runLength - i >= 6;
        let to = dw + <usize>(r * runLength + i) * row;
        for (let c = 0; c < couts; c += 8) {
          let d = dy + <usize>first * row + (<usize>c << 2);
          let base = inBase + (<usize>first << 2);
          const baseEnd = inBase + (<usize>last << 2);
          let a0 = v128.load(to), b0 = v128.load(to, 16);
          if (six) {
            let t = to + row;
            let a1 = v128.load(t), b1 = v128.load(t, 16);
            t += row;
            let a2 = v128.load(t), b2 = v128.load(t, 16);
            t += row;
            let a3 = v128.load(t), b3 = v128.load(t, 16);
            t += row;
            let a4 = v128.load(t), b4 = v128.load(t, 16);
            t += row;
            let a5 = v128.load(t), b5 = v128.load(t, 16);
            while (base < baseEnd) {
              const xp = from + (<usize>load<u32>(base) << 2);
              base += 4;
              const u = v128.load(d), v = v128.load(d, 16);
              d += row;
              let s = v128.load32_splat(xp);
              a0 = fma(s, u, a0);
              b0 = fma(s, v, b0);
              s = v128.load32_splat(xp, 4);
              a1 = fma(s, u, a1);
              b1 = fma(s, v, b1);
              s = v128.load32_splat(xp, 8);
              a2 = fma(s, u, a2);
              b2 = fma(s, v, b2);
              s = v128.load32_splat(xp, 12);
              a3 = fma(s, u, a3);
              b3 = fma(s, v, b3);
              s = v128.load32_splat(xp, 16);
              a4 = fma(s, u, a4);
              b4 = fma(s, v, b4);
              s = v128.load32_splat(xp, 20);
              a5 = fma(s, u, a5);
              b5 = fma(s, v, b5);
            }
            t = to + row;
            v128.store(t, a1);
            v128.store(t, b1, 16);
            t += row;
            v128.store(t, a2);
            v128.store(t, b2, 16);
            t += row;
            v128.store(t, a3);
            v128.store(t, b3, 16);
            t += row;
            v128.store(t, a4);
            v128.store(t, b4, 16);
            t += row;
            v128.store(t, a5);
            v128.store(t, b5, 16);
          } else {
            while (base < baseEnd) {
              const s = v128.load32_splat(from + (<usize>load<u32>(base) << 2));
              base += 4;
              a0 = fma(s, v128.load(d), a0);
              b0 = fma(s, v128.load(d, 16), b0);
              d += row;
            }
          }
          v128.store(to, a0);
          v128.store(to, b0, 16);
          to += 32;
        }
        i += six ? 6 : 1;
      }
    }
  }
}

/** [rows, columns] to [columns / 8][rows][8]. */
export function pack(w: usize, rows: i32, columns: i32, out: usize): void {
  const row = <usize>columns << 2;
  for (let c = 0; c < columns; c += 8) {
    let from = w + (<usize>c << 2);
    for (let k = 0; k < rows; k++) {
      v128.store(out, v128.load(from));
      v128.store(out, v128.load(from, 16), 16);
      from += row;
      out += 32;
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
