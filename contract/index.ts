export * from './camera.ts';
export * from './capture.ts';
export * from './events.ts';
export * from './frame.ts';
export * from './jobs.ts';
export * from './scenes.ts';
export * from './splats.ts';
export * from './training.ts';
