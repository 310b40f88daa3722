/**
 * Process that looks at one capture and ends: a large model or a hostile photo costs this process its time or its life, not the
 * host. Started by `reader.ts`.
 */
import { failureOf } from '../../failures.ts';
import { previewCapture } from './preview.ts';

process.once('message', (message: unknown) => {
  const path = typeof message === 'object' && message !== null && 'path' in message ? String(message.path) : '';
  previewCapture(path).then(
    (result) => process.send?.({ result }, () => process.disconnect()),
    (error: unknown) => process.send?.({ failure: failureOf(error) }, () => process.disconnect()),
  );
});
// The host has gone: nobody waits for the answer.
process.once('disconnect', () => process.exit());
