/** Half the bytes of float32 with its range: 8 bits of precision, more than an embedding has. */

/** The upper halves of float32 values. */
export type Bfloat16Rows = Uint16Array<ArrayBuffer>;

export function bfloat16Of(buffer: ArrayBuffer): Bfloat16Rows {
  return new Uint16Array(buffer, 0, buffer.byteLength >> 1);
}

/** Rounded to nearest, ties to even. */
export function toBfloat16(values: Float32Array): Bfloat16Rows {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const rounded = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) {
    const own = bits[i]!;
    rounded[i] = (own + 0x7fff + ((own >>> 16) & 1)) >>> 16;
  }
  return rounded;
}

/** @param output of as many values; default a new array */
export function fromBfloat16(
  values: Bfloat16Rows,
  output: Float32Array = new Float32Array(values.length),
): Float32Array {
  const bits = new Uint32Array(output.buffer, output.byteOffset, output.length);
  for (let i = 0; i < values.length; i++) bits[i] = values[i]! << 16;
  return output;
}
