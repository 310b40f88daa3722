/** The built page. */
import { realpath } from 'node:fs/promises';
import { extname, join } from 'node:path';
import type { Hono } from 'hono';
import { LiftscopeError } from '../../../contract/index.ts';
import { isInside } from '../confinement.ts';
import { fileResponse } from '../files.ts';
import { failureResponse, IMMUTABLE, REVALIDATE } from '../http.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.webp': 'image/webp',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.wasm': 'application/wasm',
  '.txt': 'text/plain; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
};

/** Every part of a name that the bundler gives: no separators, no dots in front, nothing encoded. */
const PLAIN_PATH = /^(\/[A-Za-z0-9_-][A-Za-z0-9._@+-]*)+$/;

export function mountPage(app: Hono, folder: string): void {
  app.get('*', async (c) => {
    const path = c.req.path === '/' ? '/index.html' : c.req.path;
    const type = TYPES[extname(path)];
    const none = new LiftscopeError({ code: 'not-found', message: 'There is no such page.' });
    if (!PLAIN_PATH.test(path) || type === undefined) return failureResponse(none);
    const [root, real] = await Promise.all(
      [realpath(folder), realpath(join(folder, path))].map((p) => p.catch(() => undefined)),
    );
    if (root === undefined || real === undefined || !isInside(root, real)) return failureResponse(none);
    // The bundler puts a hash of the contents into every name under assets/.
    const cacheControl = /^\/assets\/.*-[A-Za-z0-9_-]{8}\.[a-z0-9.]+$/.test(path) ? IMMUTABLE : REVALIDATE;
    return fileResponse(c.req.raw, { path: real, type, cacheControl });
  });
}
