import { CommanderError } from 'commander';
import type { Failure } from '../../contract/index.ts';
import { failureOf } from '../failures.ts';

/** As {@link failureOf}, with what the parser of the command line refuses. */
export function toFailure(error: unknown): Failure {
  if (error instanceof CommanderError) {
    return { code: 'usage', message: error.message.replace(/^error: /, ''), hint: 'See --help.' };
  }
  return failureOf(error);
}
