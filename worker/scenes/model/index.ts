export * from './object.ts';
export * from './palette.ts';
export * from './shape.ts';
export * from './texture.ts';
