import { expect, test } from 'vitest';
import { hostMessageSchema, jobSchemas, workerMessageSchema } from './jobs.ts';
import { defaultTrainingParameters, trainingRequestSchema } from './training.ts';

const frame = {
  name: 'a.png',
  imagePath: '/a.png',
  role: 'train',
  width: 4,
  height: 4,
  fx: 4,
  fy: 4,
  cx: 2,
  cy: 2,
  cameraFromWorld: { quaternion: [1, 0, 0, 0], translation: [0, 0, 0] },
} as const;
const request = { frames: [frame], parameters: defaultTrainingParameters(), checkpointDir: '/c', outputPath: '/o' };

test('every job kind can be started, and no other', () => {
  for (const kind of Object.keys(jobSchemas)) {
    const issues = hostMessageSchema.safeParse({ type: 'start', protocol: 1, job: { kind, request: null } }).error
      ?.issues;
    expect(issues?.[0]?.path).toEqual(['job', 'request']);
  }
  const issues = hostMessageSchema.safeParse({ type: 'start', protocol: 1, job: { kind: 'none', request: null } }).error
    ?.issues;
  expect(issues?.[0]?.path).toEqual(['job', 'kind']);
});

test('a training request fills in its defaults and names the field that is wrong', () => {
  expect(trainingRequestSchema.parse(request)).toMatchObject({
    backend: 'auto',
    threads: 0,
    resume: false,
    evaluateAt: [],
  });
  const wrong = [
    [{ ...request, frames: [] }, 'frames'],
    [{ ...request, frames: [{ ...frame, role: 'holdout' }] }, 'frames'],
    [{ ...request, frames: [{ ...frame, fx: Number.NaN }] }, 'frames.0.fx'],
    [
      { ...request, frames: [{ ...frame, cameraFromWorld: { ...frame.cameraFromWorld, quaternion: [0, 0, 0, 0] } }] },
      'frames.0.cameraFromWorld.quaternion',
    ],
    [{ ...request, parameters: { ...request.parameters, iterations: 0 } }, 'parameters.iterations'],
    [{ ...request, parameters: { ...request.parameters, learningRate: 1 } }, 'parameters'],
  ] as const;
  for (const [candidate, field] of wrong) {
    expect(trainingRequestSchema.safeParse(candidate).error?.issues[0]?.path.join('.')).toBe(field);
  }
});

test('figures that are not numbers never pass as events', () => {
  const event = {
    type: 'progress',
    iteration: 1,
    iterations: 2,
    loss: 0.5,
    gaussians: 3,
    iterationsPerSecond: 1,
    secondsLeft: 1,
  };
  expect(workerMessageSchema.safeParse({ type: 'event', sequence: 0, event }).success).toBe(true);
  for (const loss of [Number.NaN, '0.5', undefined]) {
    expect(workerMessageSchema.safeParse({ type: 'event', sequence: 0, event: { ...event, loss } }).success).toBe(
      false,
    );
  }
});
