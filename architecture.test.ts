/** What lint cannot see: an export that nothing imports is dead code, or a door left open. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const FOLDERS = ['contract', 'main', 'renderer', 'worker', 'native-models', 'e2e'];
/** Named by path in configuration or started as a process, so that no import shows it. */
const ENTRY_POINTS = [
  /worker\/compute\/wasm\/build\.ts$/,
  /worker\/compute\/conformance\/run\.ts$/,
  /\/main\.ts$/,
  /main\/cli\.ts$/,
  /\.config\.ts$/,
];

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name) && !name.endsWith('.as.ts'))
    .map((name) => join(folder, name));
}

describe('architecture', () => {
  const files = new Map(FOLDERS.flatMap(sources).map((path) => [path, readFileSync(path, 'utf8')]));
  const others = [...files];

  it('has no export that no other file uses', () => {
    const unused: string[] = [];
    for (const [path, text] of files) {
      if (path.endsWith('index.ts') || path.includes('.test.') || ENTRY_POINTS.some((entry) => entry.test(path)))
        continue;
      for (const [, name] of text.matchAll(
        /^export (?:async )?(?:function\*?|class|const|let|abstract class) (\w+)/gm,
      )) {
        const word = new RegExp(`\\b${name}\\b`);
        if (!others.some(([other, body]) => other !== path && word.test(body))) unused.push(`${path}: ${name}`);
      }
    }
    expect(unused).toEqual([]);
  });

  it('keeps every source file readable in one sitting', () => {
    const long = [...files].filter(([, text]) => text.split('\n').length > 650).map(([path]) => path);
    expect(long).toEqual([]);
  });
});
