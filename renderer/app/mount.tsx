import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import 'dockview-react/dist/styles/dockview.css';
import 'uplot/dist/uPlot.min.css';
import { listenForKeys } from '../commands/index.ts';
import { createStudio, followHost, StudioProvider } from '../state/index.ts';
import type { Transport } from '../transport/index.ts';
import { App } from './app.tsx';
import './app.css';

/** Puts the studio into an element: stores, the host's events, the keyboard, and the window. */
export function mountStudio(element: HTMLElement, transport: Transport): void {
  const studio = createStudio(transport);
  followHost(studio);
  listenForKeys(studio, window);
  createRoot(element).render(
    <StrictMode>
      <StudioProvider studio={studio}>
        <App />
      </StudioProvider>
    </StrictMode>,
  );
}
