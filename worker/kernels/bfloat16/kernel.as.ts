// bfloat16 (the upper halves of float32) widened to float32.

/** output [count] float32 from input [count] bfloat16; eight values at a time, the rest one by one. */
export function widen(thread: i32, threads: i32, input: usize, count: i32, output: usize): void {
  const blocks = count >> 3;
  const begin = <i32>((<i64>blocks * <i64>thread) / <i64>threads);
  const end = <i32>((<i64>blocks * <i64>(thread + 1)) / <i64>threads);
  let from = input + (<usize>begin << 4);
  let to = output + (<usize>begin << 5);
  for (let block = begin; block < end; block++, from += 16, to += 32) {
    const halves = v128.load(from);
    v128.store(to, i32x4.shl(i32x4.extend_low_i16x8_u(halves), 16));
    v128.store(to + 16, i32x4.shl(i32x4.extend_high_i16x8_u(halves), 16));
  }
  if (thread != threads - 1) return;
  for (let i = blocks << 3; i < count; i++) {
    store<u32>(output + (<usize>i << 2), <u32>load<u16>(input + (<usize>i << 1)) << 16);
  }
}
