/**
 * A WGSL program and what it is bound to. The header (structure of the parameters, bindings, layout constants) is
 * generated from the TypeScript definition that also fills the buffers, so that the two cannot drift apart.
 */

export type ScalarType = 'u32' | 'i32' | 'f32';
export type ParameterTypes = Readonly<Record<string, ScalarType>>;
/** Access and element type of a storage buffer: 'read f32', 'write vec4f', 'write atomic<u32>'. */
export type BufferTypes = Readonly<Record<string, `${'read' | 'write'} ${string}`>>;

export interface Program<P extends ParameterTypes = ParameterTypes, B extends BufferTypes = BufferTypes> {
  /** Also the name that a failure is told under. */
  readonly name: string;
  readonly params: P;
  readonly buffers: B;
  /** Invocations of a workgroup. */
  readonly workgroup: number;
  /** One invocation per item: the number of workgroups follows from the parameter `items`. */
  readonly perItem: boolean;
  readonly code: string;
}

interface ProgramSource<P extends ParameterTypes, B extends BufferTypes> {
  readonly name: string;
  readonly params: P;
  readonly buffers: B;
  /** Numbers that the body uses by name; whole ones become u32. A name with a number behind it of its own type: `'2.0'`. */
  readonly constants?: Readonly<Record<string, number | string>>;
  /** The body works with subgroups; to be launched only where {@link WebgpuBackend.hasSubgroups}. */
  readonly subgroups?: boolean;
  /** Storage buffers, where they are more than every adapter binds. */
  readonly binds?: number;
  /** Functions and declarations; `fn main` with its attributes, see {@link program}. */
  readonly body: string;
}

/** Invocations of a workgroup of a program with one invocation per item. */
const ITEM_WORKGROUP = 64;
/** Storage buffers that every adapter binds. */
const LEAST_STORAGE_BUFFERS = 8;

/** A program whose body is a whole `@compute @workgroup_size(…) fn main`. @param workgroup invocations of a workgroup */
export function program<const P extends ParameterTypes, const B extends BufferTypes>(
  source: ProgramSource<P, B> & { readonly workgroup: number },
): Program<P, B> {
  const { name, params, buffers, workgroup } = source;
  return { name, params, buffers, workgroup, perItem: false, code: header(source) + source.body };
}

/** A program whose body has `fn item(index: u32)`, called for every index below the parameter `items`. */
export function itemProgram<const P extends ParameterTypes, const B extends BufferTypes>(
  source: ProgramSource<P, B>,
): Program<P & { readonly items: 'u32' }, B> {
  const params: P & { readonly items: 'u32' } = { ...source.params, items: 'u32' };
  const { name, buffers } = source;
  const entry = `
@compute @workgroup_size(${ITEM_WORKGROUP})
fn main(@builtin(global_invocation_id) invocation: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = invocation.y * groups.x * ${ITEM_WORKGROUP}u + invocation.x;
  if (index < params.items) { item(index); }
}
`;
  const code = header({ ...source, params }) + source.body + entry;
  return { name, params, buffers, workgroup: ITEM_WORKGROUP, perItem: true, code };
}

/** Whether all invocations of a subgroup agree cannot be told from the text; the bodies see to it. */
const SUBGROUPS_HEADER = ['enable subgroups;', 'diagnostic(off, subgroup_uniformity);'];

function header({
  name,
  params,
  buffers,
  constants = {},
  subgroups = false,
  binds = LEAST_STORAGE_BUFFERS,
}: Omit<ProgramSource<ParameterTypes, BufferTypes>, 'body'>): string {
  const wanted = Object.keys(buffers).length;
  if (wanted > binds) throw new RangeError(`${name} binds ${wanted} storage buffers; not every adapter can`);
  const fields = Object.entries(params).map(([name, type]) => `  ${name}: ${type},`);
  const bindings = Object.entries(buffers).map(([name, binding], index) => {
    const [access, element] = splitBinding(binding);
    const mode = access === 'read' ? 'read' : 'read_write';
    return `@group(0) @binding(${index + 1}) var<storage, ${mode}> ${name}: array<${element}>;`;
  });
  return [
    ...(subgroups ? SUBGROUPS_HEADER : []),
    ...['struct Params {', ...fields, '}', '@group(0) @binding(0) var<uniform> params: Params;'],
    ...bindings,
    ...Object.entries(constants).map(([name, value]) => `const ${name} = ${wgslNumber(value)};`),
    '',
  ].join('\n');
}

function splitBinding(binding: string): ['read' | 'write', string] {
  const space = binding.indexOf(' ');
  return [binding.slice(0, space) as 'read' | 'write', binding.slice(space + 1)];
}

/** A literal: whole numbers are u32, others f32. */
function wgslNumber(value: number | string): string {
  if (typeof value === 'string') return value;
  if (!Number.isFinite(value)) throw new RangeError(`${value} has no WGSL literal`);
  return Number.isInteger(value) && value >= 0 ? `${value}u` : wgslFloat(value);
}

/** An f32 literal. */
export function wgslFloat(value: number): string {
  const text = String(Math.fround(value));
  return /[.e]/.test(text) ? `${text}f` : `${text}.0f`;
}

/** Storage buffers of a program in binding order, and whether it writes them. */
export function bindingsOf(buffers: BufferTypes): { readonly name: string; readonly writes: boolean }[] {
  return Object.entries(buffers).map(([name, binding]) => ({ name, writes: binding.startsWith('write') }));
}

/** Parameters in the order of the structure, 4 bytes each. @throws RangeError on a value that its type does not hold. */
export function packParameters(
  { name, params }: Pick<Program, 'name' | 'params'>,
  values: Readonly<Record<string, number>>,
  into: DataView,
  offsetBytes: number,
): void {
  let at = offsetBytes;
  for (const [field, type] of Object.entries(params)) {
    const value = values[field];
    if (value === undefined) throw new RangeError(`${name}: parameter ${field} is missing`);
    if (type === 'f32') into.setFloat32(at, value, true);
    else {
      const inRange = type === 'u32' ? value >= 0 && value < 2 ** 32 : value >= -(2 ** 31) && value < 2 ** 31;
      if (!Number.isInteger(value) || !inRange) throw new RangeError(`${name}: ${field} = ${value} is no ${type}`);
      if (type === 'u32') into.setUint32(at, value, true);
      else into.setInt32(at, value, true);
    }
    at += 4;
  }
}
