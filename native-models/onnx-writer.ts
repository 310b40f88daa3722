/** Writes ONNX files: the few messages of onnx.proto that a graph needs, in protobuf's wire format. */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** Operators are those of this version of the ONNX operator set, in the file format of the release that brought it. */
const OPSET_VERSION = 17;
const IR_VERSION = 8;

export type ElementType = 'float' | 'int64';
const ELEMENT_TYPES: { readonly [T in ElementType]: number } = { float: 1, int64: 7 };

export interface Value {
  readonly name: string;
  readonly type: ElementType;
  /** A text names a size that is only known when the model runs. */
  readonly shape: readonly (number | string)[];
}

export interface Constant {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

export interface OnnxNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Whole numbers become integer attributes. */
  readonly attributes?: { readonly [name: string]: number | string | readonly number[] };
}

export interface Graph {
  readonly name: string;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly constants: readonly Constant[];
  readonly nodes: readonly OnnxNode[];
}

/** The bytes of a model file. The same graph gives the same bytes. */
export function encodeModel(graph: Graph): Uint8Array {
  const model = new BinaryWriter();
  model.tag(1, WireType.Varint).int64(IR_VERSION);
  text(model, 2, 'liftscope');
  message(model, 7, (out) => {
    for (const node of graph.nodes) message(out, 1, (to) => writeNode(to, node));
    text(out, 2, graph.name);
    for (const constant of graph.constants) message(out, 5, (to) => writeTensor(to, constant));
    for (const value of graph.inputs) message(out, 11, (to) => writeValue(to, value));
    for (const value of graph.outputs) message(out, 12, (to) => writeValue(to, value));
  });
  message(model, 8, (out) => {
    text(out, 1, '');
    out.tag(2, WireType.Varint).int64(OPSET_VERSION);
  });
  return model.finish();
}

function message(out: BinaryWriter, field: number, write: (out: BinaryWriter) => void): void {
  out.tag(field, WireType.LengthDelimited).fork();
  write(out);
  out.join();
}

function text(out: BinaryWriter, field: number, value: string): void {
  out.tag(field, WireType.LengthDelimited).string(value);
}

function writeNode(out: BinaryWriter, node: OnnxNode): void {
  for (const name of node.inputs) text(out, 1, name);
  for (const name of node.outputs) text(out, 2, name);
  text(out, 4, node.op);
  for (const [name, value] of Object.entries(node.attributes ?? {})) {
    message(out, 5, (to) => {
      text(to, 1, name);
      if (typeof value === 'string') {
        text(to, 4, value);
        to.tag(20, WireType.Varint).int32(3);
      } else if (typeof value === 'number') {
        to.tag(3, WireType.Varint).int64(value);
        to.tag(20, WireType.Varint).int32(2);
      } else {
        for (const item of value) to.tag(8, WireType.Varint).int64(item);
        to.tag(20, WireType.Varint).int32(7);
      }
    });
  }
}

function writeTensor(out: BinaryWriter, { name, type, shape, values }: Constant): void {
  for (const size of shape) out.tag(1, WireType.Varint).int64(size);
  out.tag(2, WireType.Varint).int32(ELEMENT_TYPES[type]);
  text(out, 8, name);
  const bytes = new DataView(new ArrayBuffer(values.length * (type === 'float' ? 4 : 8)));
  values.forEach((value, i) => {
    if (type === 'float') bytes.setFloat32(4 * i, value, true);
    else bytes.setBigInt64(8 * i, BigInt(value), true);
  });
  out.tag(9, WireType.LengthDelimited).bytes(new Uint8Array(bytes.buffer));
}

function writeValue(out: BinaryWriter, { name, type, shape }: Value): void {
  text(out, 1, name);
  message(out, 2, (typeMessage) =>
    message(typeMessage, 1, (tensor) => {
      tensor.tag(1, WireType.Varint).int32(ELEMENT_TYPES[type]);
      message(tensor, 2, (shapeMessage) => {
        for (const size of shape) {
          message(shapeMessage, 1, (dimension) => {
            if (typeof size === 'number') dimension.tag(1, WireType.Varint).int64(size);
            else text(dimension, 2, size);
          });
        }
      });
    }),
  );
}
