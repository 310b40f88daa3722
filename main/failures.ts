import { ZodError } from 'zod';
import { type Failure, LiftscopeError } from '../contract/index.ts';
import { CaptureError } from './capture/index.ts';

/** Any error as what the user is told. Only errors nobody foresaw carry a stack. */
export function failureOf(error: unknown): Failure {
  if (error instanceof LiftscopeError) return error.toFailure();
  if (error instanceof CaptureError) {
    const where = error.field === undefined ? error.file : `${error.file}: ${error.field}`;
    return {
      code: error.code === 'not-found' ? 'not-found' : 'bad-input',
      message: `${where}: ${error.problem}`,
      hint: error.advice,
    };
  }
  if (error instanceof ZodError) {
    const issue = error.issues[0];
    return { code: 'bad-input', message: `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not valid'}` };
  }
  if (error instanceof Error && error.name === 'AbortError') return { code: 'cancelled', message: 'Cancelled.' };
  if (isSystemError(error)) {
    return {
      code: 'bad-input',
      message: error.message,
      hint: 'Check that the path exists and may be read and written.',
    };
  }
  return { code: 'internal', message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

/** Errors of the file system that name a path are about the user's files, not about the program. */
function isSystemError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && 'path' in error && /^E[A-Z]+$/.test(String(error.code));
}
