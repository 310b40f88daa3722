/** Entry of the worker process: one job from the host, events and one result or error back, exit. */
import type { WorkerMessage } from '../../contract/index.ts';
import { runHandler } from './handlers.ts';
import { describeError, type HostPort, runSession } from './session.ts';

// Ctrl-C in a terminal reaches the whole process group; whether to stop, and how, is the host's decision.
process.on('SIGINT', () => undefined);

if (process.send === undefined) {
  process.stderr.write('This is the worker process of Liftscope; it is started by the host, not by hand.\n');
  process.exit(2);
}

function send(message: WorkerMessage): Promise<void> {
  return new Promise((resolve, reject) => {
    if (process.send === undefined || !process.connected) {
      reject(new Error('The channel to the host is closed.'));
      return;
    }
    process.send(message, undefined, undefined, (error) => (error === null ? resolve() : reject(error)));
  });
}

const port: HostPort = {
  send,
  onMessage: (listener) => process.on('message', listener),
  onDisconnect: (listener) => process.on('disconnect', listener),
  memoryBytes: () => process.memoryUsage.rss(),
};

function fail(error: unknown): void {
  send({ type: 'error', failure: describeError(error) }).then(
    () => process.exit(1),
    () => process.exit(2),
  );
}
process.on('uncaughtException', fail);
process.on('unhandledRejection', fail);

// Explicit: thread pools and Dawn devices would keep the process alive.
process.exit(await runSession(port, runHandler));
