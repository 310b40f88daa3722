/** Relevancy of nested embeddings in WGSL, one invocation per row; reference.ts holds the definitions. */
import { itemProgram, program, type WebgpuBackend } from '../../compute/index.ts';
import { SHORTEST_NORM } from './reference.ts';
import type { BestScaleArgs, CompositeArgs, NestedEmbeddings, RelevancyArgs } from './relevancy.ts';

/** Rows of a workgroup, and dimensions that they bring into its memory at a time. */
const ROWS = 64;
const TILE = 16;

const NORM_PARAMETERS = { vectors: 'u32', scaleCount: 'u32', shortest: 'f32' } as const;
const normsBody = (product: string) => `
fn item(row: u32) {
  var norm = 0.0;
  var d = 0u;
  for (var s = 0u; s < params.scaleCount; s++) {
    for (; d < scales[s]; d++) {
      let t = rows[row * params.vectors + d / 4u][d % 4u];
      ${product}
    }
    let at = (row / 4u * params.scaleCount + s) * 4u + row % 4u;
    inverseNorms[at] = select(0.0, inverseSqrt(norm), norm > params.shortest * params.shortest);
  }
}
`;
const NORM_BUFFERS = { rows: 'read vec4f', scales: 'read u32', inverseNorms: 'write f32' } as const;
const OWN_NORMS = itemProgram({
  name: 'nestedNorms (rows)',
  params: NORM_PARAMETERS,
  buffers: NORM_BUFFERS,
  body: normsBody('norm += t * t;'),
});
const PROJECTED_NORMS = itemProgram({
  name: 'nestedNorms',
  params: NORM_PARAMETERS,
  buffers: { ...NORM_BUFFERS, gram: 'read vec4f' },
  body: normsBody(`var sum = 0.0;
      for (var v = 0u; v <= d / 4u; v++) { sum += dot(gram[d * params.vectors + v], rows[row * params.vectors + v]); }
      norm += t * sum;`),
});

export function normsOnWebgpu(backend: WebgpuBackend, embeddings: NestedEmbeddings): void {
  const { count: items, rows, stride, scales, scaleCount, gram, inverseNorms } = embeddings;
  const params = { vectors: stride / 4, scaleCount, shortest: SHORTEST_NORM, items };
  const buffers = { rows, scales, inverseNorms };
  if (gram === undefined) backend.launch(OWN_NORMS, { params, buffers });
  else backend.launch(PROJECTED_NORMS, { params, buffers: { ...buffers, gram } });
}

const ROW_PARAMETERS = { count: 'u32', vectors: 'u32', scaleCount: 'u32' } as const;
const ROW_BUFFERS = {
  ...({ rows: 'read vec4f', scales: 'read u32', inverseNorms: 'read f32', directions: 'read vec4f' } as const),
} as const;

/**
 * Walks the dimensions with 64 rows at a time in workgroup memory, since rows lie too far apart to be read by the
 * invocations that own them; odd distances there keep banks apart.
 * @param first the scale to begin with @param last the scale to end with @param emit for `row`, `scale`, `relevancy`
 */
const walkWgsl = (phraseVectors: number, first: string, last: string, emit: string) => `
const ROWS = ${ROWS}u;
const TILE = ${TILE}u;
var<workgroup> tile: array<f32, ${ROWS * (TILE + 1)}>;
@compute @workgroup_size(${ROWS})
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let firstRow = (group.y * groups.x + group.x) * ROWS;
  let row = firstRow + lane;
  var scale = ${first};
  let dimensions = scales[${last}];
  ${Array.from({ length: phraseVectors }, (_, v) => `var product${v} = vec4f(0.0);`).join(' ')}
  for (var start = 0u; start < dimensions; start += TILE) {
    workgroupBarrier();
    for (var i = lane; i < ROWS * TILE / 4u; i += ROWS) {
      let r = i / (TILE / 4u);
      let v = i % (TILE / 4u);
      var value = vec4f(0.0);
      if (firstRow + r < params.count && start / 4u + v < params.vectors) {
        value = rows[(firstRow + r) * params.vectors + start / 4u + v];
      }
      for (var c = 0u; c < 4u; c++) { tile[r * (TILE + 1u) + v * 4u + c] = value[c]; }
    }
    workgroupBarrier();
    let end = min(TILE, dimensions - start);
    for (var k = 0u; k < end; k++) {
      let value = tile[lane * (TILE + 1u) + k];
      let d = start + k;
      ${Array.from({ length: phraseVectors }, (_, v) => `product${v} += value * directions[d * ${phraseVectors}u + ${v}u];`).join(' ')}
      if (d + 1u == scales[scale]) {
        if (row < params.count) {
          let least4 = ${Array.from({ length: phraseVectors }, (_, v) => `product${v}`).reduce((all, one) => `min(${all}, ${one})`)};
          let least = min(min(least4.x, least4.y), min(least4.z, least4.w));
          let inverse = inverseNorms[(row / 4u * params.scaleCount + scale) * 4u + row % 4u];
          let relevancy = 1.0 / (1.0 + exp(-least * inverse));
          ${emit}
        }
        scale++;
      }
    }
  }
}
`;

/** One program per number of phrase vectors, so that the products stay in registers. */
function perVectors<Value>(make: (phraseVectors: number) => Value): (phraseVectors: number) => Value {
  const made = new Map<number, Value>();
  return (phraseVectors) => {
    const known = made.get(phraseVectors) ?? make(phraseVectors);
    made.set(phraseVectors, known);
    return known;
  };
}

const allScales = perVectors((phraseVectors) =>
  program({
    name: 'relevancy (all scales)',
    params: ROW_PARAMETERS,
    buffers: { ...ROW_BUFFERS, output: 'write f32' },
    workgroup: ROWS,
    body: walkWgsl(
      phraseVectors,
      '0u',
      'params.scaleCount - 1u',
      'output[row * params.scaleCount + scale] = relevancy;',
    ),
  }),
);

const givenScale = perVectors((phraseVectors) =>
  program({
    name: 'relevancy (one scale)',
    params: { ...ROW_PARAMETERS, chosen: 'u32' },
    buffers: { ...ROW_BUFFERS, output: 'write f32' },
    workgroup: ROWS,
    body: walkWgsl(phraseVectors, 'params.chosen', 'params.chosen', 'output[row] = relevancy;'),
  }),
);

const foundScale = perVectors((phraseVectors) =>
  program({
    name: 'relevancy (best scale)',
    params: ROW_PARAMETERS,
    buffers: { ...ROW_BUFFERS, chosen: 'read u32', output: 'write f32' },
    workgroup: ROWS,
    body: walkWgsl(phraseVectors, 'chosen[0]', 'chosen[0]', 'output[row] = relevancy;'),
  }),
);

/** Relevancies are not negative, so their bits order as they do, and a maximum has no order of evaluation. */
const maxima = perVectors((phraseVectors) =>
  program({
    name: 'bestScale (maxima)',
    params: ROW_PARAMETERS,
    buffers: { ...ROW_BUFFERS, maxima: 'write atomic<u32>' },
    workgroup: ROWS,
    // Most rows see that they are below and leave the atomic alone.
    body: walkWgsl(
      phraseVectors,
      '0u',
      'params.scaleCount - 1u',
      `let bits = bitcast<u32>(relevancy);
          if (bits > atomicLoad(&maxima[scale])) { atomicMax(&maxima[scale], bits); }`,
    ),
  }),
);

const rowLaunch = ({ embeddings, phrases }: Pick<RelevancyArgs, 'embeddings' | 'phrases'>) => {
  const { count, stride, scaleCount, rows, scales, inverseNorms } = embeddings;
  return {
    params: { count, vectors: stride / 4, scaleCount },
    buffers: { rows, scales, inverseNorms, directions: phrases.directions },
    groups: Math.ceil(count / ROWS),
  };
};

export function relevancyOnWebgpu(backend: WebgpuBackend, args: RelevancyArgs): void {
  const { phrases, scale, output } = args;
  const { params, buffers, groups } = rowLaunch(args);
  const { vectors } = phrases;
  if (scale === undefined) {
    backend.launch(allScales(vectors), { params, buffers: { ...buffers, output }, groups });
  } else if (typeof scale === 'number') {
    const given = { ...params, chosen: scale };
    backend.launch(givenScale(vectors), { params: given, buffers: { ...buffers, output }, groups });
  } else {
    backend.launch(foundScale(vectors), { params, buffers: { ...buffers, chosen: scale, output }, groups });
  }
}

const BEST = itemProgram({
  name: 'bestScale',
  params: { scaleCount: 'u32' },
  buffers: { maxima: 'read f32', best: 'write u32' },
  body: `
fn item(i: u32) {
  var winner = 0u;
  for (var s = 1u; s < params.scaleCount; s++) { if (maxima[s] > maxima[winner]) { winner = s; } }
  best[i] = winner;
}
`,
});

export function bestScaleOnWebgpu(backend: WebgpuBackend, args: BestScaleArgs): void {
  const { params, buffers, groups } = rowLaunch(args);
  backend.clear(args.maxima, params.scaleCount * 4);
  backend.launch(maxima(args.phrases.vectors), { params, buffers: { ...buffers, maxima: args.maxima }, groups });
  const { scaleCount } = params;
  backend.launch(BEST, { params: { scaleCount, items: 1 }, buffers: { maxima: args.maxima, best: args.best } });
}

/** Once per field: the score of each scale waits in the output at the scale's last dimension. */
const COMPOSITE = itemProgram({
  name: 'compositeRows',
  params: { stride: 'u32', scaleCount: 'u32', phraseVectors: 'u32' },
  buffers: {
    ...({ rows: 'read f32', scales: 'read u32', directions: 'read vec4f', output: 'write f32' } as const),
  },
  body: `
fn item(row: u32) {
  let at = row * params.stride;
  for (var d = 0u; d < params.stride; d++) { output[at + d] = 0.0; }
  for (var v = 0u; v < params.phraseVectors; v++) {
    var sum = vec4f(0.0);
    var d = 0u;
    for (var s = 0u; s < params.scaleCount; s++) {
      for (; d < scales[s]; d++) { sum += rows[at + d] * directions[d * params.phraseVectors + v]; }
      let score = max(max(sum.x, sum.y), max(sum.z, sum.w));
      output[at + d - 1u] = select(max(output[at + d - 1u], score), score, v == 0u);
    }
  }
  var largest = output[at + scales[0] - 1u];
  for (var s = 1u; s < params.scaleCount; s++) { largest = max(largest, output[at + scales[s] - 1u]); }
  var total = 0.0;
  for (var s = 0u; s < params.scaleCount; s++) {
    let weight = exp(output[at + scales[s] - 1u] - largest);
    output[at + scales[s] - 1u] = weight;
    total += weight;
  }
  var tail = 0.0;
  for (var left = params.scaleCount; left > 0u; left--) {
    let last = scales[left - 1u];
    var first = 0u;
    if (left > 1u) { first = scales[left - 2u]; }
    tail += output[at + last - 1u];
    for (var d = first; d < last; d++) { output[at + d] = tail / total * rows[at + d]; }
  }
}
`,
});

export function compositeOnWebgpu(backend: WebgpuBackend, { embeddings, phrases, output }: CompositeArgs): void {
  const { count: items, stride, scaleCount, rows, scales } = embeddings;
  backend.launch(COMPOSITE, {
    params: { stride, scaleCount, phraseVectors: phrases.vectors, items },
    buffers: { rows, scales, directions: phrases.directions, output },
  });
}
