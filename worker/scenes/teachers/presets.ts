/** How much the simulated teachers err: not at all, as measured on real ones, or twice as often. */
export const NOISE_PRESETS = ['none', 'default', 'harsh'] as const;
export type NoisePreset = (typeof NOISE_PRESETS)[number];

/** Factor on every rate. */
export const NOISE_FACTOR: Record<NoisePreset, number> = { none: 0, default: 1, harsh: 2 };
