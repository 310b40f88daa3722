import { it } from 'vitest';
import {
  embeddingLoss,
  embeddingLossReference,
  nestedProjection,
  nestedProjectionGradients,
  nestedProjectionGradientsReference,
  nestedProjectionReference,
} from '../../kernels/index.ts';
import { expectClose, expectVectorAgreement, seededRandom } from '../../kernels/testing/index.ts';
import { conformance } from './suite.ts';

const SEED = 5600;
const LIMITS = { minCosine: 1 - 1e-8, normRel: 1e-4 };
const SHAPES = [
  { count: 1, dimensions: 4, embedding: 4 },
  { count: 17, dimensions: 8, embedding: 12 },
  { count: 300, dimensions: 40, embedding: 48 },
].map((shape) => ({ ...shape, seed: SEED + shape.count }));

conformance('embedding loss', (on) => {
  it.each(SHAPES)('$count rows of $dimensions, embeddings of $embedding (seed $seed)', async (given) => {
    const { count, dimensions, embedding, seed } = given;
    const random = seededRandom(seed);
    const draw = (length: number, scale = 1) => random.fill(length, (r) => Math.fround(scale * r.normal()));
    const used = Uint32Array.from({ length: count }, () => 1 + random.integer(dimensions));
    const [theta, projection, targets] = [
      draw(count * dimensions),
      draw(embedding * dimensions, 0.3),
      draw(9 * embedding),
    ];
    const ids = Uint32Array.from({ length: count }, () => random.integer(9));
    const weights = random.fill(count, (r) => Math.fround(r.uniform()));
    const terms = { squared: 1, cosine: 0.25 };
    const nested = {
      ...{ count, stride: dimensions, outputs: embedding, used: on().upload('used', used) },
      ...{ rows: on().uploadFloats('rows', theta), projection: on().uploadFloats('projection', projection) },
    };
    const embeddings = on().createBuffer('embeddings', 4 * count * embedding);
    const losses = on().createBuffer('losses', 4 * count);
    const gradients = on().createBuffer('gradients', 4 * count * embedding);
    const rowGradients = on().createBuffer('row gradients', 4 * count * dimensions);
    const projectionGradients = on().upload('projection gradients', new Float32Array(embedding * dimensions));

    on().run(nestedProjection, { ...nested, embeddings });
    on().run(embeddingLoss, {
      ...{ rows: embeddings, count, stride: embedding, targets: on().uploadFloats('targets', targets) },
      ...{ ids: on().upload('ids', ids), weights: on().uploadFloats('weights', weights), ...terms, losses, gradients },
    });
    on().run(nestedProjectionGradients, { ...nested, upstream: gradients, rowGradients, projectionGradients });

    const phi = nestedProjectionReference(theta, used, projection, dimensions);
    const loss = embeddingLossReference({ rows: phi, targets, ids, weights, dimensions: embedding, ...terms });
    const both = nestedProjectionGradientsReference(theta, used, projection, dimensions, loss.gradient);
    expectClose('embeddings', await on().floats(embeddings), phi, { rel: 1e-5, scale: 'largest' });
    expectClose('losses', await on().floats(losses), loss.losses, { rel: 1e-5, scale: 'largest' });
    expectVectorAgreement('gradients by φ', await on().floats(gradients), loss.gradient, LIMITS);
    expectVectorAgreement('gradients by θ', await on().floats(rowGradients), both.rows, LIMITS);
    expectVectorAgreement('gradients by W', await on().floats(projectionGradients), both.projection, LIMITS);
  });
});
