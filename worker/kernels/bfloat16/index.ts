export { type WidenArgs, widenBfloat16 } from './bfloat16.ts';
export { widenReference } from './reference.ts';
