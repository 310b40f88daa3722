import { z } from 'zod';
import { LiftscopeError } from '../../contract/index.ts';

/** @throws LiftscopeError `bad-input` naming the recipe, the parameter and what it may be */
export function parseParameters<T extends z.ZodType>(recipe: string, schema: T, given: unknown): z.infer<T> {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new LiftscopeError({
    code: 'bad-input',
    message: `Recipe ${recipe}: ${z.prettifyError(parsed.error)}`,
  });
}
