/**
 * Process that looks at one capture and ends: a large model or a hostile photo costs this process its time or its life, not the
 * host. Started by `reader.ts`.
 */
import { failureOf } from '../../failures.ts';
import { previewCapture } from './preview.ts';

process.once('message', (message: unknown) => {
  const path = typeof message === 'object' && message !== null && 'path' in message ? String(message.path) : '';
  previewCapture(path).then(
    // As text: the host passes it on without reading it.
    ({ preview, images }) => process.send?.({ json: JSON.stringify(preview), images }, () => process.disconnect()),
    (error: unknown) => process.send?.({ failure: failureOf(error) }, () => process.disconnect()),
  );
});
// The host has gone: nobody waits for the answer.
process.once('disconnect', () => process.exit());
