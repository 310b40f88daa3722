import { type Failure, LiftscopeError } from '../../contract/index.ts';

/** Something fetched: every panel draws each of these four, never a blank. */
export type Loadable<T> =
  | { readonly status: 'idle' }
  | { readonly status: 'loading' }
  | { readonly status: 'ready'; readonly value: T }
  | { readonly status: 'error'; readonly failure: Failure };

export const IDLE: Loadable<never> = { status: 'idle' };
export const LOADING: Loadable<never> = { status: 'loading' };

export function ready<T>(value: T): Loadable<T> {
  return { status: 'ready', value };
}

/** What a person can be told about anything that was thrown. */
export function failureOf(error: unknown): Failure {
  if (error instanceof LiftscopeError) return error.toFailure();
  return { code: 'internal', message: error instanceof Error ? error.message : String(error) };
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}
