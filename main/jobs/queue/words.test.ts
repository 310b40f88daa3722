import { describe, expect, test } from 'vitest';
import { interruptedFailure, progressOf } from './words.ts';

describe('failures of the studio', () => {
  test('say where a job can go on', () => {
    const failure = {
      code: 'killed',
      message: 'The worker was killed from outside.',
      hint: 'Resume continues from the last checkpoint.',
    } as const;
    expect(interruptedFailure(failure, 500)).toEqual({
      code: 'killed',
      message: 'The worker was killed from outside. Its last checkpoint is at iteration 500.',
      hint: 'Resume continues from iteration 500.',
    });
    expect(interruptedFailure(failure, undefined)).toEqual({
      code: 'killed',
      message: 'The worker was killed from outside.',
      hint: 'Start it again.',
    });
  });

  test('keep advice beside it', () => {
    const failure = {
      code: 'out-of-memory',
      message: 'Memory ran out',
      hint: 'Train with fewer Gaussians. Resume continues from the last checkpoint.',
    } as const;
    expect(interruptedFailure(failure, 7)).toEqual({
      code: 'out-of-memory',
      message: 'Memory ran out. Its last checkpoint is at iteration 7.',
      hint: 'Train with fewer Gaussians. Resume continues from iteration 7.',
    });
  });

  test('name no options of commands', () => {
    const failure = {
      code: 'bad-input',
      message: 'No frames.',
      hint: 'Import with --holdout 8. Or add frames.',
    } as const;
    expect(interruptedFailure(failure, undefined).hint).toBe('Or add frames.');
    expect(interruptedFailure({ ...failure, hint: 'Use --frames all.' }, undefined)).toEqual({
      code: 'bad-input',
      message: 'No frames.',
    });
  });
});

test('progress in words', () => {
  const rates = { loss: 1, gaussians: 1, iteration: 1200, iterations: 3000, secondsLeft: 30 };
  expect(progressOf({ type: 'progress', ...rates, iterationsPerSecond: 61.4 })).toEqual({
    progress: 0.4,
    detail: '1200 of 3000 iterations, 61 it/s',
    secondsLeft: 30,
  });
  const slow = { ...rates, iterationsPerSecond: 0.25, secondsLeft: Number.POSITIVE_INFINITY };
  expect(progressOf({ type: 'progress', ...slow })).toMatchObject({
    detail: '1200 of 3000 iterations, 0.25 it/s',
    secondsLeft: null,
  });
  expect(progressOf({ type: 'work', stage: 'Reading', done: 0, total: 0 })).toEqual({
    progress: null,
    detail: 'Reading',
    secondsLeft: null,
  });
});
