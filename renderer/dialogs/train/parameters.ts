/** The training form: derived from the schema of the trainer, so that a parameter added there appears here. */
import {
  defaultTrainingParameters,
  type TrainingParameters,
  trainingParametersSchema,
} from '../../../contract/index.ts';

export type ParameterName = keyof TrainingParameters;

/** Fields that the dialog shows by name; every other one is under Advanced. */
const BASIC: readonly ParameterName[] = ['iterations', 'maxGaussians', 'seed'];

export interface AdvancedParameter {
  readonly name: ParameterName;
  /** `positionRateEnd` as `Position rate end`. */
  readonly title: string;
  readonly description: string;
}

export function titleOf(name: string): string {
  const words = name
    .replace(/([A-Z])/g, (letter) => ` ${letter.toLowerCase()}`)
    .replace(/^(sh|ssim) /, (word) => word.toUpperCase());
  return words.replace(/^./, (letter) => letter.toUpperCase());
}

export const advancedParameters: readonly AdvancedParameter[] = (
  Object.keys(trainingParametersSchema.shape) as ParameterName[]
)
  .filter((name) => !BASIC.includes(name))
  .map((name) => ({ name, title: titleOf(name), description: trainingParametersSchema.shape[name].description ?? '' }));

export interface Preset {
  readonly id: string;
  readonly title: string;
  readonly note: string;
  readonly parameters: Partial<TrainingParameters>;
}

const defaults = defaultTrainingParameters();

export const presets: readonly Preset[] = [
  {
    id: 'glance',
    title: 'Glance',
    note: 'Is the capture usable at all?',
    parameters: { iterations: 300, maxGaussians: 15_000 },
  },
  {
    id: 'standard',
    title: 'Standard',
    note: 'The defaults: good for inspection.',
    parameters: { iterations: defaults.iterations, maxGaussians: defaults.maxGaussians },
  },
  {
    id: 'fine',
    title: 'Fine',
    note: 'Small captures at their best.',
    parameters: { iterations: 7000, maxGaussians: 150_000 },
  },
  {
    id: 'large',
    title: 'Large',
    note: 'Big scenes; wants a GPU.',
    parameters: { iterations: 30_000, maxGaussians: 1_000_000 },
  },
];

/** What the form holds: text per parameter, absent where the default stands. */
export type ParameterTexts = Readonly<Partial<Record<ParameterName, string>>>;

export interface ParsedParameters {
  readonly parameters: Partial<TrainingParameters>;
  /** Per field, in words. */
  readonly problems: Readonly<Partial<Record<ParameterName, string>>>;
}

function problemOf(name: ParameterName, value: number): string | null {
  if (!Number.isFinite(value)) return 'Not a number.';
  const result = trainingParametersSchema.shape[name].safeParse(value);
  if (result.success) return null;
  const message = result.error.issues[0]?.message ?? 'Not possible.';
  return /integer|int/.test(message) && !Number.isInteger(value) ? 'A whole number, please.' : `${message}.`;
}

/** Reads the form. Thousands may be grouped by spaces or commas: `45 000`. */
export function parseTexts(texts: ParameterTexts): ParsedParameters {
  const parameters: Partial<Record<ParameterName, number>> = {};
  const problems: Partial<Record<ParameterName, string>> = {};
  for (const [key, text] of Object.entries(texts)) {
    const name = key as ParameterName;
    const bare = text.replace(/[\s,_]/g, '');
    if (bare === '') continue;
    const value = Number(bare);
    const problem = problemOf(name, value);
    if (problem === null) parameters[name] = value;
    else problems[name] = problem;
  }
  return { parameters: parameters as Partial<TrainingParameters>, problems };
}

/** The preset whose figures the form holds, or null. */
export function presetOf(texts: ParameterTexts): string | null {
  const { parameters } = parseTexts(texts);
  const found = presets.find((preset) =>
    Object.entries(preset.parameters).every(
      ([name, value]) => (parameters[name as ParameterName] ?? defaults[name as ParameterName]) === value,
    ),
  );
  return found?.id ?? null;
}
