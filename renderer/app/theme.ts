import type { Studio } from '../state/index.ts';

/** Puts the chosen theme, or the system's, on the root element. Returns the way to stop. */
export function applyTheme(studio: Studio): () => void {
  const light = window.matchMedia('(prefers-color-scheme: light)');
  function apply() {
    const { theme } = studio.view.getState();
    const shown = theme === 'system' ? (light.matches ? 'light' : 'dark') : theme;
    document.documentElement.dataset.theme = shown;
  }
  apply();
  const stop = studio.view.subscribe(apply);
  light.addEventListener('change', apply);
  return () => {
    stop();
    light.removeEventListener('change', apply);
  };
}
