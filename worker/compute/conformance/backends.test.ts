import { describe, expect, it } from 'vitest';
import { BACKENDS, suiteName, verdictOn } from './backends.ts';

describe('which backends conformance is tested on', () => {
  const here = { name: 'wasm', unavailable: undefined } as const;
  const missing = { name: 'webgpu', unavailable: 'no adapter' } as const;

  it('runs what is available, whatever must not be skipped', () => {
    expect(verdictOn(here)).toBe('run');
    expect(verdictOn(here, 'webgpu wasm')).toBe('run');
  });

  it('skips what is missing unless a word names it', () => {
    for (const words of [undefined, '', '   ', 'wasm golden', 'webgpu2', 'notwebgpu,', 'wasm-conformance']) {
      expect(verdictOn(missing, words), `"${words}"`).toBe('skip');
    }
    for (const words of ['webgpu', 'wasm,webgpu', 'golden  WebGPU\nwasm', 'wasm-conformance, webgpu-conformance']) {
      expect(verdictOn(missing, words), `"${words}"`).toBe('fail');
    }
  });

  it('names every backend once, wasm among those that run anywhere', () => {
    const names = BACKENDS.map(suiteName);
    expect(new Set(names).size).toBe(names.length);
    expect(BACKENDS.find(({ name }) => name === 'wasm')).toMatchObject({ unavailable: undefined });
  });

  it('is told when a backend that the table calls unavailable starts after all', async () => {
    const missing = BACKENDS.filter(({ unavailable }) => unavailable !== undefined);
    for (const { create } of missing) await expect(create()).rejects.toThrow(/--backend wasm/);
    for (const { unavailable } of missing) expect(unavailable).not.toBe('');
  });
});
