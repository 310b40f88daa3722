/** Layers of segments from `.masks` files. Masks may overlap, within a file and between files. */
import { decodeCounts, forEachRun, LiftscopeError, type TrainingFrame } from '../../contract/index.ts';
import { readMasksFile } from '../lifting/index.ts';
import type { MaskSegment } from './segments.ts';

/**
 * Frames whose masks cannot be used (another size, a damaged line) are named and left out; the others are kept.
 * @throws LiftscopeError `bad-input` when a file as a whole cannot be read
 */
export async function readMaskLayers(
  paths: readonly string[],
  frames: readonly TrainingFrame[],
): Promise<{ layers: ReadonlyMap<string, readonly MaskSegment[]>; warnings: readonly string[] }> {
  const known = new Map(frames.map((frame) => [frame.name, frame]));
  const layers = new Map<string, MaskSegment[]>();
  const warnings: string[] = [];
  for (const path of paths) {
    await readMasksFile(path, ({ name, parse }) => {
      const frame = known.get(name);
      if (frame === undefined) return;
      try {
        const { width, height, segments } = parse();
        if (width !== frame.width || height !== frame.height) {
          warnings.push(
            `${name}: its masks are ${width}x${height}, its image is ${frame.width}x${frame.height}; left out.`,
          );
          return;
        }
        const own = layers.get(name) ?? [];
        layers.set(name, own);
        for (const { rle, confidence = 1 } of segments) {
          const pixels: number[] = [];
          forEachRun(decodeCounts(rle, width * height), (start, end) => {
            for (let i = start; i < end; i++) pixels.push(i);
          });
          own.push({ pixels: Uint32Array.from(pixels), confidence });
        }
      } catch (error) {
        if (!(error instanceof LiftscopeError)) throw error;
        warnings.push(`${name}: ${error.message} Left out.`);
      }
    });
  }
  for (const { name } of frames) {
    if (!layers.has(name)) warnings.push(`${name}: has no segments; its image was not used.`);
  }
  return { layers, warnings };
}
