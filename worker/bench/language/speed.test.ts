import { expect, it } from 'vitest';
import { run } from './speed.ts';

it('takes what every cell of a room is given, and refuses what it does not know', async () => {
  const context = { signal: new AbortController().signal, emit: () => undefined };
  const room = { capture: 'room/scene', splats: 'room/splats.ply' };
  const request = {
    name: 'language-speed',
    quick: false,
    seed: 0,
    backend: 'wasm',
    threads: 1,
    memoryBudgetBytes: 1e9,
  } as const;
  const refused = run({ ...request, arguments: { size: '20k', ...room, nonsense: 1 } }, context);
  await expect(refused).rejects.toThrow(/Unrecognized key: "nonsense"/);
});
