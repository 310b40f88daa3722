export { type SparseArrays, sparseProductReference, sparseTransposedProductReference } from './reference.ts';
export {
  createSparseMatrix,
  type OwnedSparseMatrix,
  type SparseMatrix,
  type SparseProductArgs,
  sparseProduct,
  sparseProductCost,
  transposeSparse,
} from './sparse-product.ts';
