/**
 * The training loss in WGSL; imageLossReference is the definition. Two passes over tiles with a halo in workgroup memory:
 * windowed means and the derivatives by them, then the blur of those derivatives. Sums go through one partial sum per tile,
 * in one order.
 */
import { type DeviceBuffer, program, type WebgpuBackend, wgslFloat } from '../../compute/index.ts';
import type { ImageLossArgs, TargetMeansArgs } from './image-loss.ts';
import { SSIM_C1, SSIM_C2, WINDOW, WINDOW_RADIUS } from './reference.ts';

const SIDE = 16;
const PIXELS = SIDE * SIDE;
const WIDE = SIDE + 2 * WINDOW_RADIUS;

const SIZE_PARAMETERS = { width: 'u32', height: 'u32', tilesX: 'u32' } as const;

const TAPS = Array.from({ length: 2 * WINDOW_RADIUS + 1 }, (_, k) => WINDOW[Math.abs(k - WINDOW_RADIUS)]!);

/** Blurs `sources` (WIDE x WIDE values around a tile, zeros outside the image) to one value per pixel of the tile. */
const blurWgsl = (type: string) => `
const TAPS = array<f32, ${TAPS.length}>(${TAPS.map(wgslFloat).join(', ')});
var<workgroup> sources: array<${type}, ${WIDE * WIDE}>;
var<workgroup> rows: array<${type}, ${WIDE * SIDE}>;
fn blurTile(thread: u32) -> ${type} {
  workgroupBarrier();
  for (var i = thread; i < ${WIDE * SIDE}u; i += ${PIXELS}u) {
    let at = i / ${SIDE}u * ${WIDE}u + i % ${SIDE}u;
    var sum = ${type}(0.0);
    for (var k = 0u; k < ${TAPS.length}u; k++) { sum += TAPS[k] * sources[at + k]; }
    rows[i] = sum;
  }
  workgroupBarrier();
  var sum = ${type}(0.0);
  for (var k = 0u; k < ${TAPS.length}u; k++) { sum += TAPS[k] * rows[thread + k * ${SIDE}u]; }
  return sum;
}
`;

/** A channel of a tile; pixels outside the image are 0 in every image. */
const TILE_WGSL = `
struct Place { pixel: vec2i, inside: bool, at: u32 }
fn placeOf(x: i32, y: i32, channel: u32) -> Place {
  let inside = x >= 0 && y >= 0 && x < i32(params.width) && y < i32(params.height);
  return Place(vec2i(x, y), inside, select(0u, (channel * params.height + u32(y)) * params.width + u32(x), inside));
}
fn byteAt(i: u32) -> f32 {
  return f32((photo[i / 4u] >> (8u * (i % 4u))) & 0xffu) / 255.0;
}
`;

/** Every invocation knows its `own` place; `load` brings what is `there` to `sources[i]`. */
const entryWgsl = (load: string) => `
@compute @workgroup_size(${SIDE}, ${SIDE})
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let channel = group.y;
  let corner = vec2i(i32(group.x % params.tilesX), i32(group.x / params.tilesX)) * ${SIDE};
  let own = placeOf(corner.x + i32(local.x), corner.y + i32(local.y), channel);
  for (var i = thread; i < ${WIDE * WIDE}u; i += ${PIXELS}u) {
    let there = placeOf(
      corner.x + i32(i % ${WIDE}u) - ${WINDOW_RADIUS}, corner.y + i32(i / ${WIDE}u) - ${WINDOW_RADIUS}, channel,
    );
    ${load}
  }
`;

const DERIVATIVES = program({
  name: 'imageLoss (means)',
  params: SIZE_PARAMETERS,
  buffers: {
    ...({ rendered: 'read f32', photo: 'read u32', derivatives: 'write vec4f', partialSums: 'write vec2f' } as const),
  },
  workgroup: PIXELS,
  body: `${TILE_WGSL}${blurWgsl('vec4f')}
var<workgroup> sums: array<vec2f, ${PIXELS}>;
${entryWgsl(`var value = vec4f(0.0);
    if (there.inside) {
      let x = rendered[there.at];
      let y = byteAt(there.at);
      // SSIM needs the two variances only as a sum, so one blur of the sum of squares does for both.
      value = vec4f(x, y, x * x + y * y, x * y);
    }
    sources[i] = value;`)}
  let means = blurTile(thread);
  let centre = sources[(local.y + ${WINDOW_RADIUS}u) * ${WIDE}u + local.x + ${WINDOW_RADIUS}u];
  var sum = vec2f(0.0);
  if (own.inside) {
    let a1 = 2.0 * means.x * means.y + ${wgslFloat(SSIM_C1)};
    let a2 = 2.0 * (means.w - means.x * means.y) + ${wgslFloat(SSIM_C2)};
    let b1 = means.x * means.x + means.y * means.y + ${wgslFloat(SSIM_C1)};
    let b2 = means.z - means.x * means.x - means.y * means.y + ${wgslFloat(SSIM_C2)};
    let s = (a1 * a2) / (b1 * b2);
    derivatives[own.at] = vec4f(
      (2.0 * means.y * (a2 - a1)) / (b1 * b2) + 2.0 * means.x * s * (1.0 / b2 - 1.0 / b1),
      -s / b2,
      (2.0 * a1) / (b1 * b2),
      0.0,
    );
    sum = vec2f(abs(centre.x - centre.y), s);
  }
  sums[thread] = sum;
  workgroupBarrier();
  if (thread < ${SIDE}u) {
    var total = vec2f(0.0);
    for (var i = 0u; i < ${SIDE}u; i++) { total += sums[thread * ${SIDE}u + i]; }
    sums[thread * ${SIDE}u] = total;
  }
  workgroupBarrier();
  if (thread == 0u) {
    var total = vec2f(0.0);
    for (var i = 0u; i < ${SIDE}u; i++) { total += sums[i * ${SIDE}u]; }
    partialSums[group.y * (params.tilesX * ((params.height + ${SIDE - 1}u) / ${SIDE}u)) + group.x] = total;
  }
}
`,
});

const GRADIENT = program({
  name: 'imageLoss',
  params: { ...SIZE_PARAMETERS, ssimScale: 'f32', l1Scale: 'f32' },
  buffers: {
    ...({ rendered: 'read f32', photo: 'read u32', derivatives: 'read vec4f', gradient: 'write f32' } as const),
  },
  workgroup: PIXELS,
  body: `${TILE_WGSL}${blurWgsl('vec3f')}
${entryWgsl(`var value = vec3f(0.0);
    if (there.inside) { value = derivatives[there.at].xyz; }
    sources[i] = value;`)}
  let via = blurTile(thread);
  if (!own.inside) { return; }
  let x = rendered[own.at];
  let y = byteAt(own.at);
  let similarity = via.x + 2.0 * x * via.y + y * via.z;
  gradient[own.at] = params.l1Scale * sign(x - y) - params.ssimScale * similarity;
}
`,
});

const SUM_THREADS = 256;

const SUMS = program({
  name: 'imageLoss (sums)',
  params: { partials: 'u32', values: 'f32' },
  buffers: { partialSums: 'read vec2f', result: 'write u32' },
  workgroup: SUM_THREADS,
  body: `
var<workgroup> sums: array<vec2f, ${SUM_THREADS}>;
// The same number in float64, low word first.
fn putDouble(at: u32, value: f32) {
  let bits = bitcast<u32>(value);
  let exponent = (bits >> 23u) & 0xffu;
  let mantissa = bits & 0x7fffffu;
  if (exponent == 0u) {
    result[at] = 0u;
    result[at + 1u] = 0u;
    return;
  }
  let wide = select(exponent + 896u, 0x7ffu, exponent == 0xffu);
  result[at] = mantissa << 29u;
  result[at + 1u] = (bits & 0x80000000u) | (wide << 20u) | (mantissa >> 3u);
}
@compute @workgroup_size(${SUM_THREADS})
fn main(@builtin(local_invocation_index) thread: u32) {
  var sum = vec2f(0.0);
  for (var i = thread; i < params.partials; i += ${SUM_THREADS}u) { sum += partialSums[i]; }
  sums[thread] = sum;
  workgroupBarrier();
  if (thread == 0u) {
    var total = vec2f(0.0);
    for (var i = 0u; i < ${SUM_THREADS}u; i++) { total += sums[i]; }
    putDouble(0u, total.x / params.values);
    putDouble(2u, total.y / params.values);
  }
}
`,
});

const MEANS = program({
  name: 'targetMeans',
  params: SIZE_PARAMETERS,
  buffers: { photo: 'read u32', means: 'write f32' },
  workgroup: PIXELS,
  body: `${TILE_WGSL}${blurWgsl('f32')}
${entryWgsl(`var value = 0.0;
    if (there.inside) { value = byteAt(there.at); }
    sources[i] = value;`)}
  let mean = blurTile(thread);
  if (own.inside) { means[own.at] = mean; }
}
`,
});

const tiling = (width: number, height: number) => {
  const [tilesX, tilesY] = [Math.ceil(width / SIDE), Math.ceil(height / SIDE)];
  return { params: { width, height, tilesX }, groups: [tilesX * tilesY, 3] as const, tiles: 3 * tilesX * tilesY };
};

/** `means` of the target are of no use here: the four blurs of a pass are one blur of vectors. */
export function imageLossOnWebgpu(backend: WebgpuBackend, args: ImageLossArgs): void {
  const { width, height, lambda, rendered, target: photo, gradient, sums, workspace } = args;
  const values = 3 * width * height;
  const { params, groups, tiles } = tiling(width, height);
  const derivatives: DeviceBuffer = workspace.ensure('derivatives', values * 16);
  const partialSums = workspace.ensure('partial sums', tiles * 8);
  backend.launch(DERIVATIVES, { params, groups, buffers: { rendered, photo, derivatives, partialSums } });
  const scales = { ssimScale: lambda / values, l1Scale: (1 - lambda) / values };
  const buffers = { rendered, photo, derivatives, gradient };
  backend.launch(GRADIENT, { params: { ...params, ...scales }, groups, buffers });
  backend.launch(SUMS, { params: { partials: tiles, values }, groups: 1, buffers: { partialSums, result: sums } });
}

export function targetMeansOnWebgpu(backend: WebgpuBackend, args: TargetMeansArgs): void {
  const { params, groups } = tiling(args.width, args.height);
  backend.launch(MEANS, { params, groups, buffers: { photo: args.target, means: args.means } });
}
