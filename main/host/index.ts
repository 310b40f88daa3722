/** @public door of main/host */
export type { HostOptions } from './context.ts';
export { createHost, type Host } from './host.ts';
export { secured } from './http.ts';
export { cacheFolder, configFolder } from './settings.ts';
