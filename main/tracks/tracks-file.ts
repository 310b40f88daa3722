/** `.tracks` files (contract/tracking.ts), read line by line. */
import type { z } from 'zod';
import {
  LiftscopeError,
  type TrackedObject,
  type TracksFrame,
  trackedObjectSchema,
  tracksFrameSchema,
  tracksHeaderSchema,
} from '../../contract/index.ts';
import { readLines } from '../capture/index.ts';

/**
 * Calls `onFrame` for each frame in order, and returns the objects.
 * @throws LiftscopeError `bad-input` naming the line that is not valid; what `onFrame` throws
 */
export async function readTracksFile(
  path: string,
  onFrame: (frame: TracksFrame, position: number) => void,
  signal?: AbortSignal,
): Promise<TrackedObject[]> {
  const objects: TrackedObject[] = [];
  let frames: number | undefined;
  let line = 0;
  let ended = false;
  for await (const text of readLines(path, signal && { signal })) {
    line++;
    const value = parseJson(path, line, text);
    if (frames === undefined) frames = parsed(path, line, tracksHeaderSchema, value).frames;
    else if (line <= 1 + frames) onFrame(parsed(path, line, tracksFrameSchema, value), line - 2);
    else if (ended) throw damaged(path, line, 'comes after the end');
    else if (typeof value === 'object' && value !== null && 'end' in value) {
      if (value.end !== objects.length) throw damaged(path, line, 'counts other objects than there are');
      ended = true;
    } else objects.push(parsed(path, line, trackedObjectSchema, value));
  }
  if (!ended) throw damaged(path, line + 1, 'is missing: the file was cut short');
  return objects;
}

function parseJson(path: string, line: number, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw damaged(path, line, 'is not JSON');
  }
}

function parsed<T>(path: string, line: number, schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw damaged(path, line, `is not valid: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
}

function damaged(path: string, line: number, problem: string): LiftscopeError {
  return new LiftscopeError({
    code: 'bad-input',
    message: `${path}: line ${line} ${problem}.`,
    hint: 'The file of tracks is damaged or incomplete: track again.',
  });
}
