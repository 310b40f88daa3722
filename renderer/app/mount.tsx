import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import '@fontsource-variable/inter/wght.css';
import 'dockview-react/dist/styles/dockview.css';
import 'uplot/dist/uPlot.min.css';
import { listenForKeys } from '../commands/index.ts';
import { createStudio, followHost, StudioProvider } from '../state/index.ts';
import { runQueries, runSegmenting } from '../tools/index.ts';
import type { Transport } from '../transport/index.ts';
import { App } from './app.tsx';
import { followDesktop } from './desktop.ts';
import { keepView } from './persist.ts';
import { runPlayback } from './playback.ts';
import { applyTheme } from './theme.ts';
import './app.css';

/** Puts the studio into an element for as long as the page lives: stores, the host's events, the keyboard, and the window. */
export function mountStudio(element: HTMLElement, transport: Transport): void {
  const studio = createStudio(transport);
  applyTheme(studio);
  keepView(studio);
  runPlayback(studio);
  runSegmenting(studio);
  runQueries(studio);
  followHost(studio);
  followDesktop(studio);
  listenForKeys(studio, window);
  createRoot(element).render(
    <StrictMode>
      <StudioProvider studio={studio}>
        <App />
      </StudioProvider>
    </StrictMode>,
  );
}
