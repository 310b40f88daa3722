import type { Command } from 'commander';
import { type JobInputOf, LiftscopeError, type ModelSummary, type ModelsResult } from '../../contract/index.ts';
import { modelFolders } from '../models/index.ts';
import type { Invocation } from './common.ts';
import { formatBytes } from './output.ts';
import { formatTable } from './table.ts';
import { threadCount } from './values.ts';

/** Hashing and loading gigabytes from a slow disk sends no sign of life in between. */
const MODELS_SILENCE_MS = 10 * 60_000;

interface CheckFlags {
  readonly threads?: number;
}
interface AddFlags extends CheckFlags {
  readonly name?: string;
  readonly source?: string;
  readonly licence?: string;
  readonly followLinks?: boolean;
}

/** `models list`, `models check`, `models add`. */
export function addModels(verb: (usage: string, description: string) => Command, invocation: Invocation): void {
  const { output, interrupts } = invocation;
  const ask = async (action: JobInputOf<'models'>['action'], threads?: number): Promise<ModelsResult> => {
    const { runJob } = await import('../jobs/index.ts');
    const { signal, killSignal } = interrupts;
    const request = { folders: modelFolders(), action, ...(threads !== undefined && { threads }) };
    return runJob('models', request, { signal, killSignal, silenceMs: MODELS_SILENCE_MS });
  };
  const models = verb(
    'models',
    'Models for text queries, prompts, features and depth: what is installed, does it work',
  );
  models.action(() => {
    const message = 'models needs a verb: list, check or add.';
    throw new LiftscopeError({ code: 'usage', message, hint: 'See models --help.' });
  });
  const sub = (usage: string, description: string): Command =>
    models
      .command(usage)
      .description(description)
      .option('--json', 'print one JSON document on stdout and nothing else there');

  sub('list', 'Installed models, what each enables, and what is missing').action(async () => {
    const result = await ask({ kind: 'list' });
    output.result(result, [...formatModels(result.models), ...formatMissing(result)].join('\n'));
  });

  sub('check [names...]', 'Verify the hashes of the named models (default: all) and run each once')
    .option('--threads <n>', 'threads (default: one per core)', threadCount)
    .action(async (names: string[], { threads }: CheckFlags) => {
      const result = await ask({ kind: 'check', ...(names.length > 0 && { ids: names }) }, threads);
      const wanted = result.models.filter((model) => names.length === 0 || names.includes(model.id));
      const broken = wanted.filter(({ state }) => state === 'broken');
      if (broken.length > 0) {
        for (const line of formatModels(wanted)) output.note(line);
        throw new LiftscopeError({
          code: 'bad-input',
          message: `${broken.length} of ${wanted.length} models cannot be used: ${broken.map(({ id }) => id).join(', ')}.`,
          hint: broken[0]?.hint ?? 'Copy the model again.',
        });
      }
      output.result({ ...result, models: wanted }, formatModels(wanted).join('\n'));
    });

  sub('add <folder>', 'Copy a model into your models folder, after checking it and running it once')
    .option('--name <name>', 'name of its folder there (default: that of the folder)')
    .option('--source <text>', 'where it is from, for a model without a manifest')
    .option('--licence <text>', 'under which licence, for a model without a manifest')
    .option(
      '--follow-links',
      'copy what links point to outside of the folder: the download caches of others are made of them',
    )
    .option('--threads <n>', 'threads (default: one per core)', threadCount)
    .action(async (folder: string, options: AddFlags) => {
      const { resolve } = await import('node:path');
      const { name, source, licence, followLinks = false, threads } = options;
      const statement = {
        ...(name !== undefined && { name }),
        ...(source !== undefined && { source }),
        ...(licence !== undefined && { licence }),
      };
      const result = await ask({ kind: 'add', path: resolve(folder), statement, followLinks }, threads);
      const added = result.models.find(({ from, detail }) => from === 'user' && detail !== undefined);
      output.result(
        { added: added ?? null, folders: result.folders },
        added === undefined
          ? 'Added.'
          : [`Added ${added.id} to ${result.folders.user}`, ...formatModels([added])].join('\n'),
      );
    });
}

function formatModels(models: readonly ModelSummary[]): string[] {
  if (models.length === 0) return ['No models are installed.'];
  const rows = models.map(({ id, kind, state, from, sizeBytes, licence }) => [
    id,
    kind ?? '?',
    state,
    from,
    sizeBytes < 1e6 ? `${Math.ceil(sizeBytes / 1000)} kB` : formatBytes(sizeBytes),
    licence,
  ]);
  const table = formatTable([['name', 'kind', 'state', 'from', 'size', 'licence'], ...rows]);
  return table.flatMap((line, row) => {
    const model = models[row - 1];
    const more = [model?.detail, model?.problem, model?.hint && `→ ${model.hint}`];
    return [line, ...more.filter((text) => text !== undefined).map((text) => `    ${text}`)];
  });
}

function formatMissing({ kinds, folders }: ModelsResult): string[] {
  return [
    ...kinds
      .filter(({ installed }) => installed === 0)
      .flatMap(({ kind, title, enables, without, files }) => [
        '',
        `Not installed: ${title} (${kind}). It would enable ${enables}. ${without}`,
        `  A folder with ${files.join(', ')}`,
      ]),
    '',
    `Put folders of models into ${folders.user}, or: liftscope models add FOLDER`,
  ];
}
