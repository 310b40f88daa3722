import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { KERNEL_BUILD_DIR } from './modules.ts';

/** Ids of the sections of a WebAssembly binary, in order. */
function sectionIds(bytes: Uint8Array): number[] {
  const ids: number[] = [];
  for (let at = 8; at < bytes.length; ) {
    ids.push(bytes[at++]!);
    let size = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]!;
      size |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    at += size;
  }
  return ids;
}

const DATA_SECTION = 11;

describe('wasm kernel modules', () => {
  const files = readdirSync(KERNEL_BUILD_DIR).filter((file) => file.endsWith('.wasm'));

  it('finds a data section where there is one', () => {
    // (module (memory 1) (data (i32.const 0) "a"))
    const module = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 5, 3, 1, 0, 1, 11, 7, 1, 0, 65, 0, 11, 1, 97);
    expect(WebAssembly.validate(module)).toBe(true);
    expect(sectionIds(module)).toContain(DATA_SECTION);
  });

  it.each(files)('%s has no data section, which would overwrite the shared memory in every thread', (file) => {
    const bytes = readFileSync(join(KERNEL_BUILD_DIR, file));
    expect(WebAssembly.validate(bytes)).toBe(true);
    expect(sectionIds(bytes)).not.toContain(DATA_SECTION);
  });

  it('were built', () => {
    expect(files).toContain('blending.wasm');
  });
});
