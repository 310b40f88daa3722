/** Reading of PLY files: header, and the scalar properties of the vertex element (ascii and both binary orders). */
import { CaptureError, clip } from './errors.ts';
import { FileReader, type ReadOptions } from './file-reader.ts';

const maxHeaderBytes = 64 * 1024;
const maxElements = 64;
const maxProperties = 1024;

/** PLY's two generations of type names. */
const scalarTypes: Readonly<Record<string, PlyScalar>> = {
  char: 'i8',
  int8: 'i8',
  uchar: 'u8',
  uint8: 'u8',
  short: 'i16',
  int16: 'i16',
  ushort: 'u16',
  uint16: 'u16',
  int: 'i32',
  int32: 'i32',
  uint: 'u32',
  uint32: 'u32',
  float: 'f32',
  float32: 'f32',
  double: 'f64',
  float64: 'f64',
};

export type PlyScalar = 'i8' | 'u8' | 'i16' | 'u16' | 'i32' | 'u32' | 'f32' | 'f64';
const scalarBytes: Readonly<Record<PlyScalar, number>> = {
  i8: 1,
  u8: 1,
  i16: 2,
  u16: 2,
  i32: 4,
  u32: 4,
  f32: 4,
  f64: 8,
};

export interface PlyProperty {
  readonly name: string;
  readonly type: PlyScalar;
}

interface PlyElement {
  readonly name: string;
  readonly count: number;
  readonly properties: PlyProperty[];
  hasList: boolean;
}

export interface PlyVertices {
  readonly format: 'ascii' | 'binary_little_endian' | 'binary_big_endian';
  readonly count: number;
  readonly properties: readonly PlyProperty[];
  readonly comments: readonly string[];
}

/** Receives each vertex as one number per property, in the header's order. The array is reused. */
export type VertexSink = (index: number, values: Float64Array) => void;

/**
 * Reads the vertices of a PLY file. `open` sees the header first and returns the sink, so that it can refuse a layout
 * before any data is read and allocate by a count that has been checked against the file's size.
 *
 * @throws CaptureError naming file and header line, property or vertex
 */
export async function readPlyVertices(
  path: string,
  open: (header: PlyVertices) => VertexSink,
  options: ReadOptions = {},
): Promise<PlyVertices> {
  await using reader = await FileReader.open(path, options);
  const { format, comments, elements } = await readHeader(reader);
  const vertexAt = elements.findIndex((element) => element.name === 'vertex');
  const vertex = elements[vertexAt];
  if (vertex === undefined) {
    reader.fail('invalid', 'header', 'has no vertex element.', 'Export the file again with vertices.');
  }
  if (vertex.hasList) {
    reader.fail('unsupported', 'header: vertex', 'has list properties.', 'Export the vertices with scalar properties.');
  }
  if (vertex.properties.length === 0)
    reader.fail('invalid', 'header: vertex', 'has no properties.', 'Export it again.');
  const binary = format !== 'ascii';
  reader.littleEndian = format === 'binary_little_endian';
  const tokens = binary ? undefined : new TokenReader(reader);
  for (const element of elements.slice(0, vertexAt)) {
    const field = `header: element ${element.name}`;
    if (element.hasList) {
      reader.fail('unsupported', field, 'has lists and comes before the vertices.', 'Put the vertices first.');
    }
    reader.checkedCount(element.count, field, smallestBytes(element.properties, binary));
    if (binary) reader.skip(element.count * strideBytes(element.properties), field);
    else for (let i = 0; i < element.count * element.properties.length; i++) await tokens!.number(field);
  }
  const { count, properties } = vertex;
  reader.checkedCount(count, 'header: element vertex', smallestBytes(properties, binary));
  const header: PlyVertices = { format, count, properties, comments };
  const sink = open(header);
  const values = new Float64Array(properties.length);
  if (binary) {
    const stride = strideBytes(properties);
    // What splat programs write. A call per value would take two seconds for a million Gaussians.
    if (reader.littleEndian && properties.every(({ type }) => type === 'f32')) {
      for (let i = 0; i < count; ) {
        if (reader.bufferedBytes < stride) await reader.need(stride, () => `vertex[${i}]`);
        const rows = Math.min(count - i, Math.floor(reader.bufferedBytes / stride));
        sinkFloats(reader.peek().subarray(0, rows * stride), values, i, sink);
        reader.consume(rows * stride);
        i += rows;
      }
      return header;
    }
    const getters = properties.map(
      ({ type }) =>
        (): number =>
          reader[type](),
    );
    for (let i = 0; i < count; i++) {
      if (reader.bufferedBytes < stride) await reader.need(stride, () => `vertex[${i}]`);
      for (let p = 0; p < getters.length; p++) values[p] = getters[p]!();
      sink(i, values);
    }
  } else {
    for (let i = 0; i < count; i++) {
      for (let p = 0; p < properties.length; p++) {
        const field = (): string => `vertex[${i}].${properties[p]!.name}`;
        const value = tokens!.buffered() ?? (await tokens!.number(field));
        values[p] = Number.isNaN(value) ? value : checkedRange(value, properties[p]!, reader, field);
      }
      sink(i, values);
    }
  }
  return header;
}

/** Whole vertices of little-endian float32, the first of which is number `first`. */
function sinkFloats(bytes: Buffer, values: Float64Array, first: number, sink: VertexSink): void {
  // A copy, because a Float32Array must start at a multiple of four bytes.
  const floats = new Float32Array(bytes.length / 4);
  new Uint8Array(floats.buffer).set(bytes);
  for (let at = 0, i = first; at < floats.length; i++) {
    for (let p = 0; p < values.length; p++) values[p] = floats[at++]!;
    sink(i, values);
  }
}

function checkedRange(value: number, property: PlyProperty, reader: FileReader, field: () => string): number {
  const { type } = property;
  if (type === 'f64') return value;
  if (type === 'f32') return Math.fround(value);
  const bits = scalarBytes[type] * 8;
  const [low, high] = type.startsWith('u') ? [0, 2 ** bits - 1] : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
  if (!Number.isInteger(value) || value < low || value > high) {
    reader.fail('invalid', field, `is ${value}, which is not a ${type}.`, 'The file is damaged: export it again.');
  }
  return value;
}

function strideBytes(properties: readonly PlyProperty[]): number {
  return properties.reduce((sum, property) => sum + scalarBytes[property.type], 0);
}

/** An ascii value is at least one digit and a separator; the very last separator may be missing. */
function smallestBytes(properties: readonly PlyProperty[], binary: boolean): number {
  return binary ? strideBytes(properties) : Math.max(1, properties.length * 2 - 1);
}

interface PlyHeader {
  readonly format: PlyVertices['format'];
  readonly comments: readonly string[];
  readonly elements: readonly PlyElement[];
}

async function readHeader(reader: FileReader): Promise<PlyHeader> {
  const buffered = await reader.fill(maxHeaderBytes);
  const head = reader.peek().subarray(0, Math.min(buffered, maxHeaderBytes));
  if (head.subarray(0, 3).toString('latin1') !== 'ply' || (head[3] !== 0x0a && head[3] !== 0x0d)) {
    reader.fail('invalid', 'header', 'does not start with the line "ply".', 'This is not a PLY file.');
  }
  const end = /\nend_header[ \t]*(\r\n|\n)/.exec(head.toString('latin1'));
  if (end === null) {
    const cut = reader.sizeBytes <= maxHeaderBytes;
    reader.fail(
      cut ? 'truncated' : 'invalid',
      'header',
      `has no "end_header" line in its first ${head.length} bytes.`,
      'The file is incomplete or damaged: export it again.',
    );
  }
  const lines = head.subarray(0, end.index).toString('latin1').split(/\r?\n/);
  reader.consume(end.index + end[0].length);
  let format: PlyVertices['format'] | undefined;
  const comments: string[] = [];
  const elements: PlyElement[] = [];
  for (const [i, line] of lines.slice(1).entries()) {
    const field = `header line ${i + 2}`;
    // The annotation lets the compiler see that nothing follows a refusal.
    const refuse: (problem: string) => never = (problem) =>
      reader.fail('invalid', field, `${problem} (${JSON.stringify(clip(line, 80))}).`, 'Export the file again.');
    const [keyword, ...rest] = line.trim().split(/\s+/);
    switch (keyword) {
      case '':
        break;
      case 'comment':
      case 'obj_info':
        comments.push(line);
        break;
      case 'format': {
        const [name, version] = rest;
        if (
          (name !== 'ascii' && name !== 'binary_little_endian' && name !== 'binary_big_endian') ||
          version !== '1.0'
        ) {
          refuse('is not a format that PLY 1.0 knows');
        }
        format = name;
        break;
      }
      case 'element': {
        const [name, countText] = rest;
        const count = Number(countText);
        if (name === undefined || countText === undefined || !/^\d{1,15}$/.test(countText)) {
          refuse('is not an element with a count');
        }
        if (elements.length >= maxElements) refuse(`is element number ${maxElements + 1}`);
        elements.push({ name, count, properties: [], hasList: false });
        break;
      }
      case 'property': {
        const element = elements.at(-1);
        if (element === undefined) refuse('is a property before any element');
        if (rest[0] === 'list') {
          element.hasList = true;
          break;
        }
        const [typeName, name] = rest;
        const type = typeName !== undefined && Object.hasOwn(scalarTypes, typeName) ? scalarTypes[typeName] : undefined;
        if (type === undefined || name === undefined) refuse('is not a property with a known type');
        if (element.properties.some((property) => property.name === name)) refuse('repeats a property');
        if (element.properties.length >= maxProperties) refuse(`is property number ${maxProperties + 1}`);
        element.properties.push({ name, type });
        break;
      }
      default:
        refuse('is not a PLY header line');
    }
  }
  if (format === undefined) {
    throw new CaptureError({
      code: 'invalid',
      file: reader.path,
      field: 'header',
      problem: 'has no format line.',
      advice: 'Export the file again.',
    });
  }
  return { format, comments, elements };
}

const maxTokenBytes = 64;

/** Numbers separated by white space, across the window's edges. */
class TokenReader {
  readonly #reader: FileReader;

  constructor(reader: FileReader) {
    this.#reader = reader;
  }

  /** The next number if it lies whole in the buffer: keeps awaits out of the common path. */
  buffered(): number | undefined {
    const reader = this.#reader;
    const bytes = reader.peek();
    let start = 0;
    while (start < bytes.length && bytes[start]! <= 0x20) start++;
    let end = start;
    while (end < bytes.length && bytes[end]! > 0x20) end++;
    if (end === start || end === bytes.length || end - start > maxTokenBytes) return undefined;
    const value = plyNumber(bytes.toString('latin1', start, end));
    if (value !== undefined) reader.consume(end);
    return value;
  }

  async number(field: Field): Promise<number> {
    const reader = this.#reader;
    const text = (): string => (typeof field === 'string' ? field : field());
    for (;;) {
      const size = await reader.fill(4096);
      if (size === 0) reader.truncated(field, 1);
      const bytes = reader.peek();
      let blank = 0;
      while (blank < bytes.length && bytes[blank]! <= 0x20) blank++;
      if (blank > 0) {
        reader.consume(blank);
        continue;
      }
      let end = 0;
      while (end < bytes.length && bytes[end]! > 0x20 && end <= maxTokenBytes) end++;
      const token = bytes.toString('latin1', 0, end);
      const value = end <= maxTokenBytes ? plyNumber(token) : undefined;
      if (value === undefined) {
        return reader.fail(
          'invalid',
          text(),
          `is not a number: ${JSON.stringify(clip(token, 40))}.`,
          'Export the file again.',
        );
      }
      reader.consume(end);
      return value;
    }
  }
}

type Field = string | (() => string);

/** Includes the nan and inf that C programs print: the caller decides what they mean. */
function plyNumber(token: string): number | undefined {
  if (/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(token)) return Number(token);
  const word = token.toLowerCase();
  if (/^[+-]?nan(\(.*\))?$/.test(word)) return Number.NaN;
  if (/^[+-]?inf(inity)?$/.test(word)) return word.startsWith('-') ? -Infinity : Infinity;
  return undefined;
}
