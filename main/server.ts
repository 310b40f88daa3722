/**
 * The browser shell: `node main/server.ts [--port N] [--root DIR]... [--project DIR] [--backend NAME] [--threads N] [--json]`. Prints the
 * address to open and serves until it is told to stop.
 */
import { homedir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { failureOf } from './failures.ts';
import { cacheFolder, configFolder, createHost } from './host/index.ts';
import { serveHost } from './server/serve.ts';

const { values } = parseArgs({
  options: {
    port: { type: 'string' },
    root: { type: 'string', multiple: true },
    project: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

const host = await createHost({
  version: '0.1.0',
  configFolder: configFolder(),
  cacheFolder: cacheFolder(),
  roots: values.root ?? [homedir(), process.cwd()],
  pageFolder: fileURLToPath(new URL('../build/renderer', import.meta.url)),
});
if (values.project !== undefined) {
  await host.openProject(values.project).catch((error: unknown) => console.error(failureOf(error).message));
}
const server = await serveHost(host, { port: values.port === undefined ? undefined : Number(values.port) });
console.log(values.json ? JSON.stringify({ url: server.url, port: server.port, token: server.token }) : server.url);
process.once('SIGINT', () => void server.close());
process.once('SIGTERM', () => void server.close());
