import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LiftscopeError } from '../../contract/index.ts';
import { type LanguageFile, languageHash, readLanguage, writeLanguage } from './artifact.ts';
import { fromBfloat16, toBfloat16 } from './bfloat16.ts';
import { uniform } from './testing.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'language-artifact-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const random = uniform(3);
const values = (length: number) => Float32Array.from({ length }, () => 2 * random() - 1);

function sample(kind: 'nested' | 'levels'): LanguageFile {
  const [gaussians, E, D] = [7, 3, 5];
  const header: LanguageFile['header'] = {
    ...{ gaussians, recipe: 'n2f2', seed: 4, generator: 'test', parameters: { steps: 10 } },
    model: { name: 'fake', fingerprint: 'f', dimensions: E },
    fingerprints: { segments: 'a', splats: 'b' },
  };
  const visibility = values(gaussians).map(Math.abs);
  if (kind === 'levels') {
    const levels = ['small', 'large'].map((name) => ({ name, embeddings: toBfloat16(values(gaussians * E)) }));
    return { header, visibility, field: { kind, levels } };
  }
  return {
    header,
    visibility,
    field: {
      ...{ kind, dimensions: D, step: 2, temperature: 1, scaleEdges: [0.1, 0.5] },
      theta: toBfloat16(values(gaussians * D)),
      projection: values(E * D),
    },
  };
}

describe('.language files', () => {
  it.each(['nested', 'levels'] as const)('gives back what was written: %s', async (kind) => {
    const file = sample(kind);
    const path = join(folder, 'a.language');
    await writeLanguage(path, file);
    const read = await readLanguage(path);
    expect(read).toEqual(file);
    expect(languageHash(read)).toBe(languageHash(file));
    expect(await readdir(folder)).toEqual(['a.language']);
  });

  it('leaves nothing behind where it cannot be written', async () => {
    await expect(writeLanguage(join(folder, 'missing', 'a.language'), sample('nested'))).rejects.toThrow('ENOENT');
    expect(await readdir(folder)).toEqual([]);
  });

  it('refuses whatever is not a field, naming the file, and never fails in another way', async () => {
    const path = join(folder, 'a.language');
    await writeLanguage(path, sample('nested'));
    const whole = await readFile(path);
    const broken = join(folder, 'broken.language');
    const dice = uniform(11);
    let refused = 0;
    for (let round = 0; round < 300; round++) {
      const bytes = Buffer.from(whole);
      const kind = round % 3;
      if (kind === 0) bytes[Math.floor(dice() * bytes.length)] = Math.floor(dice() * 256);
      if (kind === 1) bytes.writeUInt32LE(Math.floor(dice() * 2 ** 32), 8);
      const length = kind === 2 ? Math.floor(dice() * bytes.length) : bytes.length;
      await writeFile(broken, bytes.subarray(0, length));
      try {
        await readLanguage(broken);
      } catch (error) {
        expect(error).toBeInstanceOf(LiftscopeError);
        expect((error as LiftscopeError).message).toContain('broken.language');
        refused++;
      }
    }
    // Changed digits of an array are another field; most changes are not.
    expect(refused).toBeGreaterThan(200);
  });

  it('refuses numbers that are none, and arrays that do not fit the header', async () => {
    const path = join(folder, 'a.language');
    const infinite = sample('nested');
    infinite.visibility[2] = Number.POSITIVE_INFINITY;
    await writeLanguage(path, infinite);
    await expect(readLanguage(path)).rejects.toThrow('visibility[2] is Infinity');
    const levels = sample('levels');
    if (levels.field.kind === 'levels') levels.field.levels[1]!.embeddings[4] = 0x7fc0;
    await writeLanguage(path, levels);
    await expect(readLanguage(path)).rejects.toThrow('level1[4] is not finite');
    const short = sample('nested');
    await writeLanguage(path, { ...short, visibility: short.visibility.subarray(1) });
    await expect(readLanguage(path)).rejects.toThrow('array 0 is visibility (6 f32), not visibility (7 f32)');
  });
});

describe('bfloat16', () => {
  it('rounds to within 1 / 256 and keeps what it can hold', () => {
    const given = values(1000);
    const back = fromBfloat16(toBfloat16(given));
    for (const [i, value] of given.entries()) expect(Math.abs(back[i]! - value) <= Math.abs(value) / 256).toBe(true);
    const exact = Float32Array.of(0, 1, -0.5, 256, 1.5);
    expect(fromBfloat16(toBfloat16(exact))).toEqual(exact);
  });
});
