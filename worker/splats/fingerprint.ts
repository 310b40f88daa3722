/** What a training depends on, in one number: a checkpoint of another training must not be resumed. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { TrainingRequest } from '../../contract/index.ts';

/** Of each end of a file. A photo that was edited or replaced differs there or in its size; one that was moved does not. */
const SAMPLE_BYTES = 64 * 1024;

/** What decides the outcome: photos and points by content, wherever they lie, cameras, roles and parameters. */
export async function fingerprintOf(
  { frames, points, parameters }: TrainingRequest,
  signal: AbortSignal,
): Promise<string> {
  const hash = createHash('sha256').update('training 2\n');
  for (const { imagePath, ...frame } of frames) {
    signal.throwIfAborted();
    hash.update(JSON.stringify({ frame, content: await contentOf(imagePath) }));
  }
  if (points !== undefined) {
    // Whoever reads them says what is wrong with them.
    const content = await contentOf(points.path).catch(() => 'unreadable');
    hash.update(JSON.stringify({ count: points.count, content }));
  }
  return hash.update(JSON.stringify({ parameters })).digest('hex');
}

/** As the first version had it, with the paths of photos and points: its checkpoints go on as long as nothing has moved. */
export function fingerprintByPath({ frames, points, parameters }: TrainingRequest): string {
  return createHash('sha256').update(JSON.stringify({ frames, points, parameters })).digest('hex');
}

/** Size, and the hash of the first and last {@link SAMPLE_BYTES} bytes. */
async function contentOf(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const sample = Buffer.alloc(Math.min(size, 2 * SAMPLE_BYTES));
    const headBytes = Math.min(size, SAMPLE_BYTES);
    await file.read(sample, 0, headBytes, 0);
    await file.read(sample, headBytes, sample.length - headBytes, size - (sample.length - headBytes));
    return `${size} ${createHash('sha256').update(sample).digest('hex')}`;
  } finally {
    await file.close();
  }
}
