/** The job by name alone: who draws pictures through this folder's door loads none of what training needs. */
import type { LanguageTrainingRequest, LanguageTrainingResult } from '../../contract/index.ts';
import type { LanguageContext } from './job.ts';

/** Segments in, a language field out. @throws LiftscopeError, the signal's reason */
export async function trainLanguageField(
  request: LanguageTrainingRequest,
  context: LanguageContext,
): Promise<LanguageTrainingResult> {
  return (await import('./job.ts')).trainLanguageJob(request, context);
}
