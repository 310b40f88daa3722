/**
 * What a lift says frame by frame, from the worker to the host in a file, because a capture may have millions of rows.
 *
 * Little endian: `LSLOB001`, u32 rows N, u32 segments M; of each row u32 object[N], u32 frame[N], f32 disagreement[N]; of each
 * given segment u32 id[M], u32 frame[M], u32 object[M], f32 disagreement[M]. Frames are positions in the request.
 */
import { LiftscopeError } from './events.ts';

const LIFTED_OBSERVATIONS_MAGIC = 'LSLOB001';

export interface LiftedObservations {
  /** One for each object and frame whose instance map shows it. */
  readonly object: Uint32Array<ArrayBuffer>;
  readonly frame: Uint32Array<ArrayBuffer>;
  /** 1 - IoU of the given segments that lie mostly on the object with its lifted one, in [0, 1]; NaN in a frame without masks. */
  readonly disagreement: Float32Array<ArrayBuffer>;
  /** Given segments whose ids mean the same object in all frames; empty where they do not. */
  readonly segments: {
    readonly id: Uint32Array<ArrayBuffer>;
    readonly frame: Uint32Array<ArrayBuffer>;
    /** The object that most of it lies on; 0 for none. */
    readonly object: Uint32Array<ArrayBuffer>;
    readonly disagreement: Float32Array<ArrayBuffer>;
  };
}

export function encodeLiftedObservations({ object, frame, disagreement, segments }: LiftedObservations): Uint8Array {
  const columns = [object, frame, disagreement, segments.id, segments.frame, segments.object, segments.disagreement];
  const bytes = new Uint8Array(16 + columns.reduce((sum, { byteLength }) => sum + byteLength, 0));
  bytes.set(new TextEncoder().encode(LIFTED_OBSERVATIONS_MAGIC));
  new Uint32Array(bytes.buffer, 8, 2).set([object.length, segments.id.length]);
  let at = 16;
  for (const column of columns) {
    bytes.set(new Uint8Array(column.buffer, column.byteOffset, column.byteLength), at);
    at += column.byteLength;
  }
  return bytes;
}

/** @throws LiftscopeError `bad-input` when the bytes are not what they should be */
export function decodeLiftedObservations(given: Uint8Array): LiftedObservations {
  // A copy of its own: the columns must be aligned.
  const bytes = given.slice();
  const [rows = 0, segments = 0] = bytes.length < 16 ? [] : new Uint32Array(bytes.buffer, 8, 2);
  const magic = new TextDecoder().decode(bytes.subarray(0, 8));
  if (magic !== LIFTED_OBSERVATIONS_MAGIC || bytes.length !== 16 + 12 * rows + 16 * segments) {
    throw new LiftscopeError({ code: 'bad-input', message: 'The observations of the lift are damaged.' });
  }
  let at = 16;
  const column = <T>(type: new (buffer: ArrayBuffer, offset: number, length: number) => T, length: number): T => {
    const values = new type(bytes.buffer, at, length);
    at += 4 * length;
    return values;
  };
  return {
    object: column(Uint32Array<ArrayBuffer>, rows),
    frame: column(Uint32Array<ArrayBuffer>, rows),
    disagreement: column(Float32Array<ArrayBuffer>, rows),
    segments: {
      id: column(Uint32Array<ArrayBuffer>, segments),
      frame: column(Uint32Array<ArrayBuffer>, segments),
      object: column(Uint32Array<ArrayBuffer>, segments),
      disagreement: column(Float32Array<ArrayBuffer>, segments),
    },
  };
}
