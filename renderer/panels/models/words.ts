/** What the panel says about a model. */
import type { ModelSummary, ModelsResult } from '../../../contract/index.ts';
import { formatBytes, type Tone } from '../../ui/index.ts';

const STATES: Readonly<Record<ModelSummary['state'], { readonly text: string; readonly tone: Tone }>> = {
  listed: { text: 'Not checked', tone: 'neutral' },
  ok: { text: 'Works', tone: 'good' },
  unverified: { text: 'Works, no hashes', tone: 'warn' },
  broken: { text: 'Cannot be used', tone: 'bad' },
};

export function stateOf({ state }: Pick<ModelSummary, 'state'>): { readonly text: string; readonly tone: Tone } {
  return STATES[state];
}

/** One line under the name. */
export function originOf({ from, source, licence, sizeBytes }: ModelSummary): string {
  const where = from === 'shipped' ? 'comes with the program' : 'yours';
  const known = (value: string, or: string): string => (value === '' || value === 'not stated' ? or : value);
  return [formatBytes(sizeBytes), known(licence, 'licence not stated'), where, known(source, 'source not stated')].join(
    ' · ',
  );
}

/** A later answer about some models, without losing what is known of the others. */
export function withChecked(before: ModelsResult, after: ModelsResult): ModelsResult {
  const checked = new Map(
    before.models.filter(({ detail }) => detail !== undefined).map((model) => [model.folder, model]),
  );
  return {
    ...after,
    models: after.models.map((model) => (model.state === 'listed' ? (checked.get(model.folder) ?? model) : model)),
  };
}
