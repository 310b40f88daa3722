/** The job `train-language`. */
import {
  type JobEvent,
  type LanguageTrainingRequest,
  type LanguageTrainingResult,
  LiftscopeError,
} from '../../contract/index.ts';

interface LanguageContext {
  readonly signal: AbortSignal;
  readonly emit: (event: JobEvent) => void;
}

/** @throws LiftscopeError */
export async function trainLanguageField(
  request: LanguageTrainingRequest,
  _context: LanguageContext,
): Promise<LanguageTrainingResult> {
  throw new LiftscopeError({ code: 'unsupported', message: `Recipe ${request.recipe} cannot be trained yet.` });
}
