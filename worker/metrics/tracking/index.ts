/** @public door of worker/metrics/tracking */
export { type Clear, type ClearOptions, type ClearResult, clear, type TrackClasses } from './clear.ts';
export { HOTA_ALPHAS, type Hota, type HotaAtAlpha, type HotaFigures, hota } from './hota.ts';
export { type Identity, type IdentityOptions, identity } from './identity.ts';
export type { TrackingFrame, TrackingSequence } from './sequence.ts';
