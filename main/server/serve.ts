import { randomBytes } from 'node:crypto';
import type { Server } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import { LiftscopeError } from '../../contract/index.ts';
import { type Host, secured } from '../host/index.ts';
import { refuse } from './authority.ts';

export interface ServeOptions {
  /** 0 or absent: one that is free. */
  readonly port?: number | undefined;
}

export interface RunningServer {
  readonly port: number;
  readonly token: string;
  /** Carries the token: opening it once is what makes a browser known. */
  readonly url: string;
  /** Refuses new connections, ends the host (jobs write their checkpoints), then the connections. */
  close(): Promise<void>;
}

/** The browser shell: the host on 127.0.0.1 and nowhere else, behind a token of this start. */
export async function serveHost(host: Host, options: ServeOptions = {}): Promise<RunningServer> {
  const token = randomBytes(32).toString('base64url');
  let port = 0;
  const authority = { token, port: () => port };
  const server = createAdaptorServer({
    fetch: async (request: Request) => {
      const refused = refuse(request, authority);
      return refused === undefined ? host.handle(request) : secured(refused);
    },
  }) as Server;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        error.code === 'EADDRINUSE'
          ? new LiftscopeError({
              code: 'usage',
              message: `Port ${options.port} is in use.`,
              hint: 'Choose another --port, or none.',
            })
          : error,
      );
    });
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  port = address.port;
  return {
    port,
    token,
    url: `http://127.0.0.1:${port}/start?token=${token}`,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await host.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
