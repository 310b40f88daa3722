import type { Studio } from '../state/index.ts';
import { parseView } from '../state/index.ts';

const KEY = 'view';
const SAVE_AFTER_MS = 400;

/** Restores how things were shown on this machine, then keeps it; returns the way to stop. */
export function keepView(studio: Studio): () => void {
  let timer: ReturnType<typeof setTimeout> | null = null;
  let touched = false;
  const stop = studio.view.subscribe((view) => {
    touched = true;
    if (timer !== null) clearTimeout(timer);
    timer = setTimeout(() => {
      void studio.transport.call('settings.set', { key: KEY, value: { ...view } }).catch(() => undefined);
    }, SAVE_AFTER_MS);
  });
  void studio.transport
    .call('settings.get', { key: KEY })
    .then(({ value }) => {
      // Whoever already changed something meant it.
      if (value !== null && !touched) studio.view.setState(parseView(value), true);
    })
    .catch(() => undefined);
  return () => {
    stop();
    if (timer !== null) clearTimeout(timer);
  };
}
