/** float32 values whose upper halves are given. */
export function widenReference(halves: ArrayLike<number>): Float32Array {
  return new Float32Array(Uint32Array.from(halves, (half) => half * 0x1_0000).buffer);
}
