import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, describe, expect, it } from 'vitest';
import { openProject } from '../project/index.ts';
import { main } from './index.ts';

const directory = await mkdtemp(join(tmpdir(), 'liftscope-track-'));
afterAll(() => rm(directory, { recursive: true }));

async function run(...argv: string[]): Promise<{ code: number; text: string }> {
  let text = '';
  const sink = () =>
    new Writable({
      write: (chunk, _encoding, done) => {
        text += String(chunk);
        done();
      },
    });
  const code = await main(argv, { stdout: sink(), stderr: sink() } as unknown as typeof process);
  return { code, text };
}

describe('track', () => {
  it('says what is missing: the project, the capture, the recipe', async () => {
    expect(await run('track', join(directory, 'nowhere'))).toMatchObject({ code: 3 });
    const empty = join(directory, 'empty.liftscope');
    (await openProject(empty, { create: true })).close();
    const { code, text } = await run('track', empty);
    expect(code).toBe(3);
    expect(text).toContain('no capture');
    const unknown = await run('track', empty, '--recipe', 'magic');
    expect(unknown.code).toBe(2);
    expect(unknown.text).toContain('byte-track');
  });
});
