import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shCoefficientCount } from '../../contract/index.ts';
import { exportSplatPly, writeSplatPly } from '../export/index.ts';
import { Warnings } from './model.ts';
import { readPointCloudPly } from './point-cloud.ts';
import { emptySplats, readSplatPly, type SplatModel, splatPlyProperties } from './splat-ply.ts';
import { importSplatPly, readSplatsFile } from './splats-file.ts';
import { plyFile, put, testSeed, withFolder } from './testing.ts';

const float = fc.float({ min: -50, max: 50, noNaN: true });

const splatsArbitrary: fc.Arbitrary<SplatModel> = fc.tuple(fc.nat(6), fc.nat(3)).chain(([count, shDegree]) => {
  const floats = (length: number): fc.Arbitrary<Float32Array> =>
    fc.array(float, { minLength: length, maxLength: length }).map((values) => Float32Array.from(values));
  return fc.record({
    count: fc.constant(count),
    shDegree: fc.constant(shDegree),
    means: floats(count * 3),
    quaternions: floats(count * 4),
    logScales: floats(count * 3),
    logitOpacities: floats(count),
    sh: floats(count * 3 * shCoefficientCount(shDegree)),
  });
});

const runs = { seed: testSeed, numRuns: 60 };

describe('splat PLY', () => {
  it('is read back exactly, and written again byte for byte', async () => {
    await fc.assert(
      fc.asyncProperty(splatsArbitrary, async (splats) => {
        await withFolder(async (folder) => {
          const [first, second] = [join(folder, '1.ply'), join(folder, '2.ply')];
          await writeSplatPly(first, splats);
          const back = await readSplatPly(first);
          expect(back).toEqual({ splats, clampedOpacities: 0, ignoredProperties: [] });
          await writeSplatPly(second, back.splats);
          expect((await readFile(second)).equals(await readFile(first))).toBe(true);
        });
      }),
      runs,
    );
  });

  it('keeps a foreign file in the common layout byte for byte, through the .splats artifact too', async () => {
    await withFolder(async (folder) => {
      const names = splatPlyProperties(3);
      expect(names).toHaveLength(62);
      const rows = [0, 1, 2].map((row) => names.map((name, i) => (/^n[xyz]$/.test(name) ? 0 : row * 100 + i / 8)));
      const foreign = plyFile(names, rows);
      await put(join(folder, 'foreign.ply'), foreign);
      const { splats } = await readSplatPly(join(folder, 'foreign.ply'));
      expect(await importSplatPly(join(folder, 'foreign.ply'), join(folder, 'x.splats'))).toEqual({
        gaussians: 3,
        shDegree: 3,
        clampedOpacities: 0,
        ignoredProperties: [],
      });
      const artifact = await readSplatsFile(join(folder, 'x.splats'));
      expect(artifact.splats).toEqual(splats);
      expect(artifact.header).toEqual({ count: 3, shDegree: 3, generator: 'import foreign.ply' });
      expect(await exportSplatPly(join(folder, 'x.splats'), join(folder, 'out.ply'))).toEqual({ gaussians: 3 });
      expect((await readFile(join(folder, 'out.ply'))).equals(foreign)).toBe(true);
    });
  });

  it('puts channel-major f_rest of the file into [K, 3], and wxyz rotations first to last', async () => {
    await withFolder(async (folder) => {
      const names = splatPlyProperties(1);
      const path = join(folder, 'x.ply');
      await put(path, plyFile(names, [names.map((_, i) => i)]));
      const { splats } = await readSplatPly(path);
      const at = (name: string): number => names.indexOf(name);
      expect([...splats.means]).toEqual([0, 1, 2]);
      expect([...splats.quaternions]).toEqual(['rot_0', 'rot_1', 'rot_2', 'rot_3'].map(at));
      expect([...splats.logScales]).toEqual(['scale_0', 'scale_1', 'scale_2'].map(at));
      expect([...splats.logitOpacities]).toEqual([at('opacity')]);
      const order = ['f_dc_0', 'f_dc_1', 'f_dc_2', 'f_rest_0', 'f_rest_3', 'f_rest_6', 'f_rest_1', 'f_rest_4', 'f_rest_7', 'f_rest_2', 'f_rest_5', 'f_rest_8']; // biome-ignore format: one row
      expect([...splats.sh]).toEqual(order.map(at));
    });
  });

  it.each(['binary_big_endian', 'ascii'] as const)(
    'reads %s, any property order, further properties',
    async (format) => {
      await withFolder(async (folder) => {
        const names = splatPlyProperties(2);
        const values = (name: string): number => Math.fround(names.indexOf(name) / 7);
        const shuffled = ['label', ...[...names].reverse().filter((name) => !/^n[xyz]$/.test(name))];
        await put(join(folder, 'a.ply'), plyFile(names, [names.map(values)]));
        await put(join(folder, 'b.ply'), plyFile(shuffled, [shuffled.map(values)], format));
        const [a, b] = [await readSplatPly(join(folder, 'a.ply')), await readSplatPly(join(folder, 'b.ply'))];
        expect(b.splats).toEqual(a.splats);
        expect(b.ignoredProperties).toEqual(['label']);
      });
    },
  );

  it('clamps infinite opacities and counts them', async () => {
    await withFolder(async (folder) => {
      const names = splatPlyProperties(0);
      const row = (opacity: number): number[] => names.map((name) => (name === 'opacity' ? opacity : 1));
      await put(join(folder, 'x.ply'), plyFile(names, [row(Infinity), row(-Infinity), row(2)]));
      const { splats, clampedOpacities } = await readSplatPly(join(folder, 'x.ply'));
      expect([...splats.logitOpacities]).toEqual([30, -30, 2]);
      expect(clampedOpacities).toBe(2);
    });
  });

  it.each([
    [['x', 'y', 'z'], 'opacity'],
    [splatPlyProperties(1).filter((name) => name !== 'f_rest_8'), '8 f_rest'],
    [splatPlyProperties(0).filter((name) => name !== 'rot_3'), 'rot_3'],
  ])('names what a file lacks (%#)', async (names, missing) => {
    await withFolder(async (folder) => {
      const path = join(folder, 'x.ply');
      await put(path, plyFile(names, [names.map(() => 1)]));
      await expect(readSplatPly(path)).rejects.toThrow(missing);
      await expect(readSplatPly(path)).rejects.toMatchObject({ name: 'CaptureError', file: path });
    });
  });

  it('leaves no temporary file behind when it stops', async () => {
    await withFolder(async (folder) => {
      const stop = writeSplatPly(join(folder, 'x.ply'), emptySplats(3, 0), {
        signal: AbortSignal.abort(new Error('stop')),
      });
      await expect(stop).rejects.toThrow('stop');
      expect(await readdir(folder)).toEqual([]);
    });
  });
});

describe('point cloud PLY', () => {
  it('reads colours of bytes and floats, elements before the vertices, and lists after them', async () => {
    await withFolder(async (folder) => {
      const head = (vertex: string): string =>
        `ply\r\nformat ascii 1.0\r\ncomment made by hand\r\nelement camera 2\r\nproperty float f\r\nelement vertex 2\r\n${vertex}element face 1\r\nproperty list uchar int vertex_indices\r\nend_header\r\n`;
      const xyz = 'property double x\r\nproperty double y\r\nproperty double z\r\n';
      const bytes = `${xyz}property uchar red\r\nproperty uchar green\r\nproperty uchar blue\r\n`;
      await put(join(folder, 'a.ply'), `${head(bytes)}7 8\r\n1 2 3 10 20 30\r\n4 5 6.5 40 50 60\r\n3 0 1 1`);
      const a = await readPointCloudPly(join(folder, 'a.ply'), new Warnings());
      expect([...a.positions]).toEqual([1, 2, 3, 4, 5, 6.5]);
      expect([...a.colors]).toEqual([10, 20, 30, 40, 50, 60]);
      const floats = `${xyz}property float red\r\nproperty float green\r\nproperty float blue\r\n`;
      await put(join(folder, 'b.ply'), `${head(floats)}7 8\r\n1 2 nan 0 0.5 1\r\n4 5 6 0 0.2 2\r\n3 0 1 1`);
      const warnings = new Warnings();
      const b = await readPointCloudPly(join(folder, 'b.ply'), warnings);
      expect([...b.positions]).toEqual([4, 5, 6]);
      expect([...b.colors]).toEqual([0, 51, 255]);
      expect(warnings.counts).toEqual({ 'point-invalid': 1 });
      expect(warnings.list[0]).toMatchObject({ field: 'vertex[0]' });
    });
  });
});
