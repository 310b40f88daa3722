import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { tinySamFiles } from './tiny-sam.ts';

test('the files in the folder are those that the script makes, to the byte', () => {
  const folder = new URL('./tiny-sam/', import.meta.url);
  const files = tinySamFiles();
  expect(readdirSync(folder).sort()).toEqual([...files.keys()].sort());
  for (const [name, bytes] of files) expect(Buffer.compare(readFileSync(new URL(name, folder)), bytes)).toBe(0);
});
