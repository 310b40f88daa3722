import type { z } from 'zod';
import { LiftscopeError } from '../../contract/index.ts';

/** Parses what a table holds; a row that does not fit was not written by this program. */
export function parseRow<T extends z.ZodType>(schema: T, row: unknown, table: string): z.infer<T> {
  const parsed = schema.safeParse(row);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new LiftscopeError({
    code: 'damaged-project',
    message: `Table ${table} holds a row that is not valid: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`,
    hint: 'Earlier states of the project, if any, are in its folder "backups".',
  });
}

/** JSON column to value; `undefined` for text that is no JSON, which then fails its schema. */
export function fromJson(text: unknown): unknown {
  if (typeof text !== 'string') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
