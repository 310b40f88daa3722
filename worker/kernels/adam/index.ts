export { type AdamArgs, adam, adamCost } from './adam.ts';
export { type AdamInputs, type AdamOutputs, adamReference } from './reference.ts';
