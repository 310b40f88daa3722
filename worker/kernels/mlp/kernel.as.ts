// A multilayer perceptron over rows: linear layers with a ReLU between two. Weights are packed in panels of 8 outputs,
// [out / 8][in][8], so that the inner loop reads them front to back; rows come in blocks of 4. A block of rows runs
// through all layers while it is in the cache. Gradients of weights are summed over rows in order by the one thread that
// owns the panel: nothing depends on the number of threads.

import { fma, splat } from "../shared/math.as";

/** Rows that one thread takes through all layers at a time. */
const CHUNK: i32 = 32;
/** Rows whose activations stay in the cache while gradients of weights are summed. */
const GRADIENT_CHUNK: i32 = 64;

// Fields of a layer's description, 8 words: inputs, outputs, addresses of weights, transposed weights, bias, gradient of
// weights, gradient of bias, unused.
const LAYER_WORDS: usize = 32;

// @ts-ignore: decorator
@inline
function layerOf(layers: usize, layer: i32): usize {
  return layers + <usize>layer * LAYER_WORDS;
}

/** The four rows from `a` times one panel, plus `bias` (or 0). */
// @ts-ignore: decorator
@inline
function rowsTimesPanel(
  a: usize, aBytes: usize, inputs: i32, panel: usize, bias: usize, out: usize, outBytes: usize, relu: bool, gate: usize,
): void {
  let c00 = bias == 0 ? splat(0.0) : v128.load(bias);
  let c01 = bias == 0 ? splat(0.0) : v128.load(bias, 16);
  let c10 = c00, c20 = c00, c30 = c00;
  let c11 = c01, c21 = c01, c31 = c01;
  let a0 = a;
  const end = a + (<usize>inputs << 2);
  let p = panel;
  for (; a0 < end; a0 += 4, p += 32) {
    const w0 = v128.load(p);
    const w1 = v128.load(p, 16);
    const x0 = v128.load32_splat(a0);
    c00 = fma(x0, w0, c00);
    c01 = fma(x0, w1, c01);
    const x1 = v128.load32_splat(a0 + aBytes);
    c10 = fma(x1, w0, c10);
    c11 = fma(x1, w1, c11);
    const x2 = v128.load32_splat(a0 + 2 * aBytes);
    c20 = fma(x2, w0, c20);
    c21 = fma(x2, w1, c21);
    const x3 = v128.load32_splat(a0 + 3 * aBytes);
    c30 = fma(x3, w0, c30);
    c31 = fma(x3, w1, c31);
  }
  if (relu) {
    const zero = splat(0.0);
    c00 = f32x4.max(c00, zero);
    c01 = f32x4.max(c01, zero);
    c10 = f32x4.max(c10, zero);
    c11 = f32x4.max(c11, zero);
    c20 = f32x4.max(c20, zero);
    c21 = f32x4.max(c21, zero);
    c30 = f32x4.max(c30, zero);
    c31 = f32x4.max(c31, zero);
  }
  if (gate != 0) {
    const zero = splat(0.0);
    c00 = v128.and(c00, f32x4.gt(v128.load(gate), zero));
    c01 = v128.and(c01, f32x4.gt(v128.load(gate, 16), zero));
    c10 = v128.and(c10, f32x4.gt(v128.load(gate + outBytes), zero));
    c11 = v128.and(c11, f32x4.gt(v128.load(gate + outBytes, 16), zero));
    c20 = v128.and(c20, f32x4.gt(v128.load(gate + 2 * outBytes), zero));
    c21 = v128.and(c21, f32x4.gt(v128.load(gate + 2 * outBytes, 16), zero));
    c30 = v128.and(c30, f32x4.gt(v128.load(gate + 3 * outBytes), zero));
    c31 = v128.and(c31, f32x4.gt(v128.load(gate + 3 * outBytes, 16), zero));
  }
  v128.store(out, c00);
  v128.store(out, c01, 16);
  v128.store(out + outBytes, c10);
  v128.store(out + outBytes, c11, 16);
  v128.store(out + 2 * outBytes, c20);
  v128.store(out + 2 * outBytes, c21, 16);
  v128.store(out + 3 * outBytes, c30);
  v128.store(out + 3 * outBytes, c31, 16);
}

/**
 * activations: layer l's input at activationOf[l], rows of rowBytes[l] bytes, for l = 0 … layerCount (the last are the
 * outputs). Row r of the first is row ids[r] of `inputs` [N, inputs of layer 0]; rows from `count` to `rows` are zeros.
 */
export function forward(
  thread: i32, threads: i32, layers: usize, layerCount: i32, inputs: usize, ids: usize, count: i32, rows: i32,
  activationOf: usize, rowBytes: usize,
): void {
  const chunks = (rows + CHUNK - 1) / CHUNK;
  const begin = <i32>((<i64>chunks * <i64>thread) / <i64>threads);
  const end = <i32>((<i64>chunks * <i64>(thread + 1)) / <i64>threads);
  const inputBytes = <usize>load<i32>(layers) << 2;
  for (let chunk = begin; chunk < end; chunk++) {
    const first = chunk * CHUNK;
    const last = min(rows, first + CHUNK);
    const ownBytes = <usize>load<u32>(rowBytes);
    const own = <usize>load<u32>(activationOf);
    for (let r = first; r < last; r++) {
      const to = own + <usize>r * ownBytes;
      if (r < count) memory.copy(to, inputs + <usize>load<u32>(ids + (<usize>r << 2)) * inputBytes, inputBytes);
      else memory.fill(to, 0, inputBytes);
    }
    for (let l = 0; l < layerCount; l++) {
      const layer = layerOf(layers, l);
      const ins = load<i32>(layer);
      const outs = load<i32>(layer, 4);
      const fromBytes = <usize>load<u32>(rowBytes + (<usize>l << 2));
      const toBytes = <usize>load<u32>(rowBytes + (<usize>l << 2), 4);
      const from = <usize>load<u32>(activationOf + (<usize>l << 2));
      const to = <usize>load<u32>(activationOf + (<usize>l << 2), 4);
      const panelBytes = <usize>ins << 5;
      for (let p: usize = 0; p < <usize>outs >> 3; p++) {
        const panel = <usize>load<u32>(layer, 8) + p * panelBytes;
        const bias = <usize>load<u32>(layer, 16) + (p << 5);
        for (let r = first; r < last; r += 4) {
          rowsTimesPanel(
            from + <usize>r * fromBytes, fromBytes, ins, panel, bias, to + <usize>r * toBytes + (p << 5), toBytes,
            l + 1 < layerCount, 0,
          );
        }
      }
    }
  }
}

/**
 * deltas: gradient by layer l's input at deltaOf[l], same rows as the activations; that of the outputs, deltaOf[layerCount],
 * is given. Goes down to layer `lowest`: 0 when the gradient of the inputs is wanted, which no ReLU gates, else 1.
 */
export function backward(
  thread: i32, threads: i32, layers: usize, layerCount: i32, rows: i32, activationOf: usize, deltaOf: usize, rowBytes: usize,
  lowest: i32,
): void {
  const chunks = (rows + CHUNK - 1) / CHUNK;
  const begin = <i32>((<i64>chunks * <i64>thread) / <i64>threads);
  const end = <i32>((<i64>chunks * <i64>(thread + 1)) / <i64>threads);
  for (let chunk = begin; chunk < end; chunk++) {
    const first = chunk * CHUNK;
    const last = min(rows, first + CHUNK);
    for (let l = layerCount - 1; l >= lowest; l--) {
      const layer = layerOf(layers, l);
      const ins = load<i32>(layer);
      const outs = load<i32>(layer, 4);
      const toBytes = <usize>load<u32>(rowBytes + (<usize>l << 2));
      const fromBytes = <usize>load<u32>(rowBytes + (<usize>l << 2), 4);
      const from = <usize>load<u32>(deltaOf + (<usize>l << 2), 4);
      const to = <usize>load<u32>(deltaOf + (<usize>l << 2));
      const gate = <usize>load<u32>(activationOf + (<usize>l << 2));
      const panelBytes = <usize>outs << 5;
      for (let p: usize = 0; p < <usize>ins >> 3; p++) {
        const panel = <usize>load<u32>(layer, 12) + p * panelBytes;
        for (let r = first; r < last; r += 4) {
          const at = <usize>r * toBytes + (p << 5);
          rowsTimesPanel(
            from + <usize>r * fromBytes, fromBytes, outs, panel, 0, to + at, toBytes, false, l == 0 ? 0 : gate + at,
          );
        }
      }
    }
  }
}

/** Gradients of weights and biases (+= what is there): each panel of 8 outputs is one thread's. */
export function weightGradients(
  thread: i32, threads: i32, layers: usize, layerCount: i32, rows: i32, activationOf: usize, deltaOf: usize, rowBytes: usize,
): void {
  for (let l = 0; l < layerCount; l++) {
    const layer = layerOf(layers, l);
    const ins = load<i32>(layer);
    const outs = load<i32>(layer, 4);
    const xBytes = <usize>load<u32>(rowBytes + (<usize>l << 2));
    const dBytes = <usize>load<u32>(rowBytes + (<usize>l << 2), 4);
    const x = <usize>load<u32>(activationOf + (<usize>l << 2));
    const delta = <usize>load<u32>(deltaOf + (<usize>l << 2), 4);
    const panelBytes = <usize>ins << 5;
    for (let first = 0; first < rows; first += GRADIENT_CHUNK) {
      const count = <usize>(min(rows, first + GRADIENT_CHUNK) - first);
      for (let p = thread; p < outs >> 3; p += threads) {
        const d0 = delta + <usize>first * dBytes + (<usize>p << 5);
        const dEnd = d0 + count * dBytes;
        for (let i: usize = 0; i < <usize>ins; i += 4) {
          const target = <usize>load<u32>(layer, 20) + <usize>p * panelBytes + (i << 5);
          let c00 = v128.load(target);
          let c01 = v128.load(target, 16);
          let c10 = v128.load(target, 32);
          let c11 = v128.load(target, 48);
          let c20 = v128.load(target, 64);
          let c21 = v128.load(target, 80);
          let c30 = v128.load(target, 96);
          let c31 = v128.load(target, 112);
          let a = x + <usize>first * xBytes + (i << 2);
          for (let d = d0; d < dEnd; d += dBytes, a += xBytes) {
            const w0 = v128.load(d);
            const w1 = v128.load(d, 16);
            const x0 = v128.load32_splat(a);
            c00 = fma(x0, w0, c00);
            c01 = fma(x0, w1, c01);
            const x1 = v128.load32_splat(a, 4);
            c10 = fma(x1, w0, c10);
            c11 = fma(x1, w1, c11);
            const x2 = v128.load32_splat(a, 8);
            c20 = fma(x2, w0, c20);
            c21 = fma(x2, w1, c21);
            const x3 = v128.load32_splat(a, 12);
            c30 = fma(x3, w0, c30);
            c31 = fma(x3, w1, c31);
          }
          v128.store(target, c00);
          v128.store(target, c01, 16);
          v128.store(target, c10, 32);
          v128.store(target, c11, 48);
          v128.store(target, c20, 64);
          v128.store(target, c21, 80);
          v128.store(target, c30, 96);
          v128.store(target, c31, 112);
        }
        const bias = <usize>load<u32>(layer, 24) + (<usize>p << 5);
        let b0 = v128.load(bias);
        let b1 = v128.load(bias, 16);
        for (let d = d0; d < dEnd; d += dBytes) {
          b0 = f32x4.add(b0, v128.load(d));
          b1 = f32x4.add(b1, v128.load(d, 16));
        }
        v128.store(bias, b0);
        v128.store(bias, b1, 16);
      }
    }
  }
}

/** The transposed panels [in / 8][out][8] of every layer from `lowest`, from [out / 8][in][8]. */
export function transpose(thread: i32, threads: i32, layers: usize, layerCount: i32, lowest: i32): void {
  for (let l = lowest; l < layerCount; l++) {
    const layer = layerOf(layers, l);
    const ins = load<i32>(layer);
    const outs = load<i32>(layer, 4);
    const from = <usize>load<u32>(layer, 8);
    const to = <usize>load<u32>(layer, 12);
    for (let panel = thread; panel < ins >> 3; panel += threads) {
      for (let o = 0; o < outs; o++) {
        for (let lane = 0; lane < 8; lane++) {
          const i = panel * 8 + lane;
          const value = load<f32>(from + (<usize>(((o >> 3) * ins + i) * 8 + (o & 7)) << 2));
          store<f32>(to + (<usize>((panel * outs + o) * 8 + lane) << 2), value);
        }
      }
    }
  }
}

/** average = decay * average + (1 - decay) * values, count a multiple of 4. */
export function average(
  thread: i32, threads: i32, values: usize, averages: usize, count: i32, decay: f32,
): void {
  const vectors = count >> 2;
  const begin = <usize>((<i64>vectors * <i64>thread) / <i64>threads) << 4;
  const end = <usize>((<i64>vectors * <i64>(thread + 1)) / <i64>threads) << 4;
  const keep = f32x4.splat(decay);
  const take = f32x4.splat(<f32>1.0 - decay);
  for (let i = begin; i < end; i += 16) {
    v128.store(averages + i, fma(keep, v128.load(averages + i), f32x4.mul(take, v128.load(values + i))));
  }
}
