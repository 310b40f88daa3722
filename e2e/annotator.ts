/**
 * A careful annotator who has watched the whole video: compares tracks, as `export --format json` writes them, with what is really to
 * be seen, and says what to correct. How it is corrected, by mouse and keyboard, is the spec's.
 */
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import sharp from 'sharp';
import { z } from 'zod';
import { decodeCounts, forEachRun } from '../contract/index.ts';

const exportSchema = z.object({
  objects: z.array(z.object({ id: z.number(), name: z.string(), locked: z.boolean() })),
  frames: z.array(
    z.object({
      name: z.string(),
      observations: z.array(
        z.object({
          object: z.number(),
          state: z.string(),
          size: z.tuple([z.number(), z.number()]).optional(),
          rle: z.string().optional(),
        }),
      ),
    }),
  ),
});
export type TracksExport = z.infer<typeof exportSchema>;

export interface Plan {
  /** Objects that are none. */
  readonly remove: readonly number[];
  /** From this frame on it is another object. */
  readonly split: readonly { readonly object: number; readonly frame: number }[];
  /** Objects that are one; the first is seen most often. */
  readonly merge: readonly (readonly number[])[];
  /** What is left are objects. */
  readonly keep: readonly number[];
}

/** Instance of each pixel of each frame. */
type Truth = readonly Uint16Array[];

export async function readTracks(path: string): Promise<TracksExport> {
  return exportSchema.parse(JSON.parse(await readFile(path, 'utf8')));
}

export async function watch(capture: string, { frames }: TracksExport): Promise<Truth> {
  return Promise.all(
    frames.map(async ({ name }) => {
      const file = join(capture, 'truth', 'instance', basename(name));
      const { data } = await sharp(file)
        .toColourspace('grey16')
        .raw({ depth: 'ushort' })
        .toBuffer({ resolveWithObject: true });
      return new Uint16Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.length));
    }),
  );
}

/** What an object is in each frame that it is segmented in: a true instance, or 0 for nothing. */
function sightings({ frames }: TracksExport, truth: Truth): Map<number, { frame: number; truth: number }[]> {
  const seen = new Map<number, { frame: number; truth: number }[]>();
  for (const [frame, { observations }] of frames.entries()) {
    for (const { object, rle, size } of observations) {
      if (rle === undefined || size === undefined) continue;
      const counts = new Map<number, number>();
      let area = 0;
      forEachRun(decodeCounts(rle, size[0] * size[1]), (start, end) => {
        for (let i = start; i < end; i++) {
          const id = truth[frame]?.[i] ?? 0;
          counts.set(id, (counts.get(id) ?? 0) + 1);
          area++;
        }
      });
      const [best] = [...counts].sort((a, b) => b[1] - a[1]);
      const list = seen.get(object) ?? [];
      list.push({ frame, truth: best !== undefined && best[1] > area / 2 ? best[0] : 0 });
      seen.set(object, list);
    }
  }
  return seen;
}

export function planCorrections(tracks: TracksExport, truth: Truth): Plan {
  const seen = sightings(tracks, truth);
  const remove: number[] = [];
  const split: { object: number; frame: number }[] = [];
  const byTruth = new Map<number, { object: number; count: number }[]>();
  for (const { id } of tracks.objects) {
    const real = (seen.get(id) ?? []).filter((sighting) => sighting.truth !== 0);
    if (2 * real.length < (seen.get(id) ?? []).length || real.length === 0) {
      remove.push(id);
      continue;
    }
    real.forEach((sighting, i) => {
      if (i > 0 && sighting.truth !== real[i - 1]?.truth) split.push({ object: id, frame: sighting.frame });
    });
    const main = real[0]?.truth ?? 0;
    const same = byTruth.get(main) ?? [];
    same.push({ object: id, count: real.length });
    byTruth.set(main, same);
  }
  const groups = [...byTruth.values()].map((group) =>
    group.sort((a, b) => b.count - a.count).map(({ object }) => object),
  );
  return {
    remove,
    split,
    merge: groups.filter((group) => group.length > 1),
    keep: groups.flatMap(([first]) => first ?? []),
  };
}
