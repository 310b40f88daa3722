import { defineConfig } from 'vite';

/** The studio's page: `npm run build:renderer` writes `build/renderer`, which the host serves as it is. */
export default defineConfig({
  root: 'renderer',
  // The desktop serves the page under a scheme of its own, the browser shell under a port: no absolute addresses.
  base: './',
  publicDir: 'public',
  build: {
    outDir: '../build/renderer',
    emptyOutDir: true,
    sourcemap: true,
    target: 'chrome130',
    // The content security policy admits fonts from 'self' alone, so nothing may become a data: URL; the preload polyfill would be inline script.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 4096,
  },
});
