/** @public door of main/host */
export { createHost, type Host, type HostOptions } from './host.ts';
export { secured } from './http.ts';
export { cacheFolder, configFolder } from './settings.ts';
