import { describe, expect, it } from 'vitest';
import { defaultTrainingParameters, trainingParametersSchema } from '../../../contract/index.ts';
import { joinPath, nameProblem } from '../paths.ts';
import { advancedParameters, parseTexts, presetOf, presets, titleOf } from './parameters.ts';

describe('training form', () => {
  it('has a field for every parameter of the trainer', () => {
    const names = ['iterations', 'maxGaussians', 'seed', ...advancedParameters.map(({ name }) => name)];
    expect(names.sort()).toEqual(Object.keys(trainingParametersSchema.shape).sort());
    expect(advancedParameters.every(({ description }) => description.length > 5)).toBe(true);
    expect(titleOf('shDegreeEvery')).toBe('SH degree every');
    expect(titleOf('positionRateEnd')).toBe('Position rate end');
  });

  it('offers presets that the trainer accepts', () => {
    for (const { parameters } of presets) expect(trainingParametersSchema.safeParse(parameters).success).toBe(true);
    expect(presetOf({})).toBe('standard');
    expect(presetOf({ iterations: '300', maxGaussians: '15000', shRate: '0.01' })).toBe('glance');
    expect(presetOf({ iterations: '301' })).toBeNull();
  });

  it('reads what was typed and names what is wrong', () => {
    const { parameters, problems } = parseTexts({
      iterations: '30 000',
      maxGaussians: '1,000,000',
      seed: '',
      shRate: '5e-3',
      initialOpacity: '1.5',
      ssimWeight: 'much',
      densifyEvery: '2.5',
    });
    expect(parameters).toEqual({ iterations: 30_000, maxGaussians: 1_000_000, shRate: 0.005 });
    expect(Object.keys(problems).sort()).toEqual(['densifyEvery', 'initialOpacity', 'ssimWeight']);
    expect(problems.ssimWeight).toBe('Not a number.');
    expect(problems.densifyEvery).toBe('A whole number, please.');
    expect(defaultTrainingParameters(parameters).seed).toBe(0);
  });
});

describe('paths', () => {
  it('joins by the separator that is there', () => {
    expect(joinPath('/a/b', 'c')).toBe('/a/b/c');
    expect(joinPath('/', 'c')).toBe('/c');
    expect(joinPath('C:\\a', 'c')).toBe('C:\\a\\c');
  });

  it('refuses names that lead elsewhere', () => {
    for (const name of ['', ' ', '.', '..', 'a/b', 'a\\b', 'x'.repeat(300)])
      expect(nameProblem(name), name).not.toBeNull();
    for (const name of ['fox', 'my scene 2.liftscope', 'füchse']) expect(nameProblem(name), name).toBeNull();
  });
});
