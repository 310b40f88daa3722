/** @public door of main/server */
export { openDesktop } from './desktop.ts';
export { type RunningServer, type ServeOptions, serveHost } from './serve.ts';
export { type ServeStudioOptions, serveStudio } from './studio.ts';
