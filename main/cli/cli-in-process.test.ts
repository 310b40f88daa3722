import { describe, expect, test } from 'vitest';
import { failureCodeSchema, trainingParametersSchema } from '../../contract/index.ts';
import { parsePairs } from './bench.ts';
import { exitCodeOf } from './exit-codes.ts';
import { main } from './index.ts';
import { naturalNumber, positiveNumber, threadCount } from './values.ts';

/** Runs a verb in this process; enough for everything that ends before any work begins. */
async function run(...argv: string[]) {
  const written = { stdout: '', stderr: '' };
  const sink = (name: 'stdout' | 'stderr') => ({
    write: (text: string): void => {
      written[name] += text;
    },
  });
  const code = await main(argv, { stdout: sink('stdout'), stderr: sink('stderr') });
  return { code, ...written };
}

function failureOf(stdout: string): { code: string; message: string } {
  return JSON.parse(stdout).error;
}

describe('usage', () => {
  test.each([
    ['an unknown option', ['train', 'x', '--frobnicate'], /unknown option '--frobnicate'/],
    ['an unknown verb', ['trian', 'x'], /unknown command 'trian'/],
    ['a missing argument', ['train'], /missing required argument 'dir'/],
    ['a missing option', ['import', 'x'], /--project/],
    ['too many arguments', ['train', 'x', 'y'], /too many arguments/],
    ['zero iterations', ['train', 'x', '--iterations', '0'], /--iterations/],
    ['half an iteration', ['train', 'x', '--iterations', '1.5'], /--iterations/],
    ['a negative seed', ['train', 'x', '--seed', '-1'], /--seed/],
    ['a seed above 32 bit', ['train', 'x', '--seed', '4294967296'], /--seed/],
    ['a number in words', ['train', 'x', '--max-gaussians', 'many'], /--max-gaussians/],
    ['no threads', ['train', 'x', '--threads', '0'], /--threads/],
    ['an unknown backend', ['train', 'x', '--backend', 'cuda'], /--backend/],
    ['a scale of zero', ['import', 'x', '--project', 'y', '--scale', '0'], /--scale/],
    ['an unknown format', ['export', 'x', '--format', 'obj', '--out', 'y'], /--format/],
  ])('%s is refused with exit code 2 before anything runs', async (_name, argv, message) => {
    const plain = await run(...argv);
    expect(plain.code).toBe(2);
    expect(plain.stdout).toBe('');
    expect(plain.stderr).toMatch(message);
    const json = await run(...argv, '--json');
    expect(json.code).toBe(2);
    expect(failureOf(json.stdout)).toMatchObject({ code: 'usage', message: expect.stringMatching(message) });
  });

  test('--help documents every exit code that any failure has', async () => {
    const { code, stdout } = await run('--help');
    expect(code).toBe(0);
    for (const failure of failureCodeSchema.options)
      expect(stdout).toMatch(new RegExp(`^ {2}${exitCodeOf(failure)}  `, 'm'));
    expect(stdout).toMatch(/npm run --silent/);
  });

  test('every hyper-parameter of the trainer is an option with its default', async () => {
    const { stdout } = await run('train', '--help');
    const help = stdout.replaceAll(/\s+/g, ' ');
    for (const [name, value] of Object.entries(trainingParametersSchema.parse({}))) {
      const flag = `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} <value>`;
      expect(help).toContain(flag);
      expect(help).toContain(`(default: ${JSON.stringify(value)})`);
    }
  });
});

test('values of options', () => {
  expect(positiveNumber('0.5')).toBe(0.5);
  expect(naturalNumber('0')).toBe(0);
  expect(threadCount('16')).toBe(16);
  for (const text of ['', ' ', '0', '-1', 'NaN', 'Infinity', '1e999']) expect(() => positiveNumber(text)).toThrow();
  for (const text of ['', '1.5', '-1', '1e20', '0x']) expect(() => naturalNumber(text)).toThrow();
  for (const text of ['0', '257', '1.5']) expect(() => threadCount(text)).toThrow();
});

test('further arguments of a benchmark', () => {
  expect(parsePairs(['points=1000', 'name=rooms', 'sizes=[1,2]', 'fast', '=x'])).toEqual({
    points: 1000,
    name: 'rooms',
    sizes: [1, 2],
    fast: true,
    '=x': true,
  });
});
