/** A recipe's own parameters with those that somebody gave. */
import type { z } from 'zod';
import { LiftscopeError } from '../../contract/index.ts';

type Json = z.core.util.JSONType;

/**
 * Defaults with overrides, key by key, objects merged.
 * @throws LiftscopeError `bad-input` for an unknown name or a value of another kind
 */
export function mergedParameters<T extends object>(
  recipe: string,
  defaults: T,
  given: Readonly<Record<string, Json>>,
): T {
  const result: Record<string, unknown> = Object.fromEntries(Object.entries(defaults));
  for (const [name, value] of Object.entries(given)) {
    const before = result[name];
    if (before === undefined || typeof before !== typeof value) {
      const known = Object.keys(defaults).join(', ');
      throw new LiftscopeError({
        code: 'bad-input',
        message:
          before === undefined
            ? `Recipe ${recipe} has no parameter "${name}".`
            : `Recipe ${recipe}: ${name} is ${JSON.stringify(value)}, which is no ${typeof before}.`,
        hint: `Its parameters: ${known}.`,
      });
    }
    const isNested = typeof before === 'object' && before !== null && typeof value === 'object' && value !== null;
    result[name] = isNested ? { ...before, ...value } : value;
  }
  return result as T;
}
