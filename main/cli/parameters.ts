import { type Command, InvalidArgumentError, Option } from 'commander';
import { type TrainingParameters, trainingParametersSchema } from '../../contract/index.ts';

type ParameterName = keyof TrainingParameters & string;

const names = Object.keys(trainingParametersSchema.shape) as ParameterName[];

/** `maxGaussians` → `--max-gaussians`. */
function flagOf(name: string): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** Every hyper-parameter of the trainer as an option, with description, default and check from its schema. */
export function addTrainingParameters(command: Command): void {
  const defaults = trainingParametersSchema.parse({});
  for (const name of names) {
    const field = trainingParametersSchema.shape[name];
    const option = new Option(`${flagOf(name)} <value>`, field.description ?? '');
    // The default is only described: a value that was not given must stay undefined, or --resume could not tell.
    option.description += ` (default: ${JSON.stringify(defaults[name])})`;
    option.argParser((text: string) => {
      const parsed = field.safeParse(readValue(text));
      if (parsed.success) return parsed.data;
      throw new InvalidArgumentError(parsed.error.issues[0]?.message ?? 'not valid');
    });
    command.addOption(option);
  }
}

/** The hyper-parameters among a command's options; only those the user gave. */
export function givenTrainingParameters(options: Readonly<Record<string, unknown>>): Partial<TrainingParameters> {
  // Each value has passed its own schema when the option was read; the whole schema would fill in the defaults.
  const given = names.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]);
  return Object.fromEntries(given) as Partial<TrainingParameters>;
}

function readValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
