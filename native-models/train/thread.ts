/** A helping thread of training: answers every step with the gradient of a batch of its own. */
import { workerData } from 'node:worker_threads';
import { type LearnerOptions, openLearner } from './learner.ts';

/** Shared between the threads. All arrays lie in shared memory. */
export interface Shared {
  readonly options: LearnerOptions;
  readonly parameters: Float32Array;
  readonly gradient: Float32Array;
  readonly loss: Float32Array; // [1]
  /** [the step that is asked for, threads that have answered it] */
  readonly control: Int32Array;
}

const { options, parameters, gradient, loss, control } = workerData as Shared;
const learner = await openLearner(options);
let done = 0;
for (;;) {
  Atomics.wait(control, 0, done);
  done = Atomics.load(control, 0);
  loss[0] = learner.learn(parameters, gradient, done);
  Atomics.add(control, 1, 1);
  Atomics.notify(control, 1);
}
