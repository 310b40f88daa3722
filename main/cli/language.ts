import { type Command, Option } from 'commander';
import {
  isHeldBack,
  type LanguageRecipe,
  LiftscopeError,
  languageRecipes,
  type QueryAnswer,
  type QueryScale,
} from '../../contract/index.ts';
import { parsePairs } from './bench.ts';
import { addComputeOptions, type ComputeFlags, type Invocation, present, showEvent } from './common.ts';
import { formatBytes, formatDuration } from './output.ts';
import { formatTable } from './table.ts';
import { naturalNumber, positiveNumber } from './values.ts';

interface TrainFlags extends ComputeFlags {
  readonly recipe: LanguageRecipe;
  readonly segments?: readonly string[];
  readonly model?: string;
  readonly seed?: number;
  readonly set?: readonly string[];
}

interface QueryFlags extends ComputeFlags {
  readonly negatives?: readonly string[];
  readonly frame?: string;
  readonly out?: string;
  readonly scale?: QueryScale;
  readonly threshold?: number;
  readonly order?: 'splatted' | 'rendered';
  readonly model?: string;
}

/** Lines of each table on a terminal; `--json` has all. */
const LISTED = 10;

/** `train-language DIR --recipe NAME` and `query DIR TEXT`. */
export function addLanguage(verb: (usage: string, description: string) => Command, invocation: Invocation): void {
  addTrainLanguage(verb, invocation);
  addQuery(verb, invocation);
}

function addTrainLanguage(
  verb: (usage: string, description: string) => Command,
  { output, interrupts }: Invocation,
): void {
  const train = verb('train-language <dir>', 'Train a field on the newest splats that answers questions in words')
    .addOption(new Option('--recipe <name>', 'how').choices(languageRecipes).default('n2f2'))
    .option(
      '--segments <name...>',
      'mask sets of the project, together the layers of segments, or simulated[:none|:default|:harsh] for a generated scene',
    )
    .option('--model <name>', 'dual encoder: name or folder (default: the one that comes with the program)')
    .option('--seed <n>', 'seed of every random choice', naturalNumber)
    .option('--set <key=value...>', "the recipe's own parameters");
  addComputeOptions(train);
  train.action(async (dir: string, options: TrainFlags) => {
    const { openProject } = await import('../project/index.ts');
    const { trainLanguageProject } = await import('../jobs/index.ts');
    using project = await openProject(dir);
    const { result, jobId, fieldId, segments } = await trainLanguageProject(project, {
      recipe: options.recipe,
      ...present({
        ...{ segments: options.segments, model: options.model, seed: options.seed },
        ...{ backend: options.backend, threads: options.threads },
      }),
      parameters: parsePairs(options.set ?? []),
      signal: interrupts.signal,
      killSignal: interrupts.killSignal,
      onEvent: (event) => showEvent(output, event),
    });
    output.endProgress();
    output.result(
      { ...result, jobId, fieldId, segmentSets: segments, project: project.folder },
      [
        `Trained a language field by ${result.recipe} on ${result.segments} segments of ${result.framesUsed} frames (${segments.join(', ')}) in ${formatDuration(result.seconds.total ?? 0)}`,
        `  ${result.gaussians} Gaussians, ${result.dimensions} dimensions, ${result.scales.length} scales; words of ${result.model.name}; peak memory ${formatBytes(result.peakMemoryBytes)}; seed ${result.seed}`,
        `Next: liftscope query ${dir} "red mug"${options.model?.includes('/') === true ? ` --model ${options.model}` : ''}`,
      ].join('\n'),
    );
  });
}

function addQuery(verb: (usage: string, description: string) => Command, { output, interrupts }: Invocation): void {
  const query = verb('query <dir> <text>', 'Ask the newest language field where something is')
    .option('--negatives <text...>', 'what it is compared with (default: object, things, stuff, texture)')
    .option('--frame <name>', 'look in this frame alone (default: in up to 200 of them)')
    .option('--out <file>', 'PNG of raw relevancy, black 0 to white 1, in that frame or in the best one')
    .option('--model <name>', 'dual encoder of the field, where it is in none of the folders of models')
    .option('--scale <which>', 'auto, composite, best, or the number of a scale', scaleOf)
    .option(
      '--threshold <share>',
      'where a mask begins, from the gate (0) to the maximum of the view (1)',
      positiveNumber,
    )
    .addOption(
      new Option('--order <which>', 'relevancy of Gaussians is rendered, or rendered embeddings are compared').choices([
        'splatted',
        'rendered',
      ]),
    );
  addComputeOptions(query);
  query.action(async (dir: string, text: string, options: QueryFlags) => {
    const { openProject } = await import('../project/index.ts');
    const { queryProject } = await import('../jobs/index.ts');
    using project = await openProject(dir);
    const answer = await queryProject(project, {
      ...{ text, negatives: options.negatives, frame: options.frame, outputPath: options.out },
      ...{ model: options.model, scale: options.scale, threshold: options.threshold, order: options.order },
      ...{ backend: options.backend, threads: options.threads, signal: interrupts.signal },
    });
    const objects = answer.objects
      .slice(0, LISTED)
      .map(({ name, relevancy, share, bestFrames }) => [
        name,
        relevancy.toFixed(3),
        `${(100 * share).toFixed(0)} %`,
        bestFrames.length === 0 ? '' : `best seen in ${bestFrames.slice(0, 3).join(', ')}`,
      ]);
    const frames = answer.frames
      .filter(({ point }) => point !== null)
      .slice(0, LISTED)
      .map(({ frame, maximum, point, areaPx }) => [
        frame,
        maximum.toFixed(3),
        `at ${point!.x}, ${point!.y}`,
        `${areaPx} px`,
      ]);
    output.result(
      { ...answer, project: project.folder },
      [
        ...answer.notes.map((note) => `Note: ${note}`),
        ...(answer.found
          ? [
              `"${text}": highest relevancy ${answer.maximum.toFixed(3)} (${scaleName(answer)})`,
              ...(objects.length === 0 ? [] : ['', ...formatTable([['object', 'relevancy', 'above', ''], ...objects])]),
              ...(frames.length === 0 ? [] : ['', ...formatTable([['frame', 'maximum', 'where', 'mask'], ...frames])]),
            ]
          : [`"${text}": ${nothingHere(answer)}`]),
        ...(answer.map === null ? [] : [`Wrote ${answer.map.path} (${answer.map.frame})`]),
      ].join('\n'),
    );
  });
}

function scaleName({ scale, scales }: { scale: number | 'composite'; scales: readonly { name: string }[] }): string {
  return scale === 'composite' ? scale : (scales[scale]?.name ?? String(scale));
}

/** Why nothing is an answer: a negative fits as well, or a search over scales stayed below what its text model states. */
export function nothingHere(answer: Pick<QueryAnswer, 'maximum' | 'gate' | 'negatives'>): string {
  const { maximum, gate, negatives } = answer;
  const highest = `highest relevancy ${maximum.toFixed(3)}`;
  return isHeldBack(answer)
    ? `no answer, up to ${gate.toFixed(3)} the loudest of all scales is often wrong with this text model (${highest})`
    : `nothing here beats ${negatives.join(', ')} (${highest})`;
}

/** @throws LiftscopeError `usage` */
function scaleOf(text: string): QueryScale {
  if (text === 'auto' || text === 'composite' || text === 'best') return text;
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw new LiftscopeError({
    code: 'usage',
    message: `--scale ${text}: it may be auto, composite, best, or a number from 0.`,
  });
}
