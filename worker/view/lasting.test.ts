import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { type ViewRenderAnswer, viewSplatsRequestSchema } from '../../contract/index.ts';
import { webgpuTests } from '../compute/conformance/suite.ts';
import { SOFTWARE_VARIABLE, WebgpuBackend } from '../compute/index.ts';
import { writeSplats } from '../splats/index.ts';
import { LastingView } from './lasting.ts';
import { roomView, smallRoom } from './testing.ts';

webgpuTests('a view whose device is lost', () => {
  it('is answered by a new one, and after the second on wasm', async () => {
    vi.stubEnv(SOFTWARE_VARIABLE, '1');
    const started: WebgpuBackend[] = [];
    const create = WebgpuBackend.create.bind(WebgpuBackend);
    vi.spyOn(WebgpuBackend, 'create').mockImplementation(async (options) => {
      const backend = await create(options);
      started.push(backend);
      return backend;
    });
    const folder = await mkdtemp(join(tmpdir(), 'liftscope-lasting-'));
    const warnings: string[] = [];
    const request = viewSplatsRequestSchema.parse({ backend: 'webgpu', threads: 1 });
    const view = await LastingView.start(request, (message) => warnings.push(message));
    try {
      const splatsPath = join(folder, 'room.splats');
      await writeSplats(splatsPath, smallRoom(300, 5), {});
      const call = { kind: 'render', splatsPath, view: roomView(0.7), format: 'rgba' };
      const render = async () => (await view.answer(call, new AbortController().signal)) as ViewRenderAnswer;
      const first = await render();
      expect(new Set(first.bytes).size).toBeGreaterThan(20);
      started[0]!.loseDevice();
      // Those that wait behind the one that finds out are answered as well.
      const [second, third] = await Promise.all([render(), render()]);
      expect([second.bytes, third.bytes]).toEqual([first.bytes, first.bytes]);
      expect(started).toHaveLength(2);
      started[1]!.loseDevice();
      const last = await render();
      expect(started).toHaveLength(2);
      const apart = last.bytes.map((value, i) => Math.abs(value - first.bytes[i]!));
      expect(apart.reduce((most, value) => Math.max(most, value), 0)).toBeLessThanOrEqual(2);
      expect(warnings).toEqual([
        expect.stringMatching(/GPU was lost.*on a new device/s),
        expect.stringMatching(/GPU was lost.*on wasm/s),
      ]);
      expect(view.calls).toBe(6);
      await expect(view.answer({ kind: 'nonsense' }, new AbortController().signal)).rejects.toThrow(/not valid/);
    } finally {
      await view.dispose();
      await rm(folder, { recursive: true });
      vi.restoreAllMocks();
      vi.unstubAllEnvs();
    }
  });
});
