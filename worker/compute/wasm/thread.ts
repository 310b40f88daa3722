/** A pool thread: waits for a generation, runs the function with its own thread number, reports, waits again. */
import { parentPort, workerData } from 'node:worker_threads';
import { CONTROL, instantiate, STOP, type ThreadStart } from './protocol.ts';

const { memory, modules, thread, threads, mostSpins } = workerData as ThreadStart;
const functions = instantiate(memory, modules);
const control = new Int32Array(memory.buffer, 0, CONTROL.endBytes / 4);
const values = new Float64Array(memory.buffer, 0, CONTROL.endBytes / 8);
const args: number[] = [];
let generation = 0;

parentPort!.postMessage('ready');
for (;;) {
  // Kernels follow each other within a tenth of a millisecond during training, and waking a sleeper takes as long again.
  let spins = 0;
  while (Atomics.load(control, CONTROL.generation) === generation) {
    if (++spins <= mostSpins) continue;
    // Counted before waiting: whoever changes the generation after that sees the count, before that ends the wait at once.
    Atomics.add(control, CONTROL.asleep, 1);
    Atomics.wait(control, CONTROL.generation, generation);
    Atomics.sub(control, CONTROL.asleep, 1);
  }
  generation = Atomics.load(control, CONTROL.generation);
  const index = control[CONTROL.functionIndex]!;
  if (index === STOP) break;
  args.length = control[CONTROL.argumentCount]!;
  for (let i = 0; i < args.length; i++) args[i] = values[CONTROL.arguments + i]!;
  try {
    functions[index]!(thread, threads, ...args);
  } catch (error) {
    Atomics.store(control, CONTROL.failed, 1);
    parentPort!.postMessage(String(error));
  }
  Atomics.add(control, CONTROL.finished, 1);
  if (Atomics.load(control, CONTROL.callerAsleep) !== 0) Atomics.notify(control, CONTROL.finished);
}
