/**
 * Who may call the browser shell: whoever holds the token of this start, on a page that this server itself served. Checked before
 * anything else looks at a request.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Failure } from '../../contract/index.ts';

/** Of 256 random bits, base64url. */
const TOKEN_LENGTH = 43;

export interface Authority {
  readonly token: string;
  /** Undefined: not known yet, because the system chooses it. */
  readonly port: () => number;
}

/** Cookies do not know ports: two studios on one machine must not take each other's. */
export function cookieName(port: number): string {
  return `liftscope-${port}`;
}

/** Undefined when the request may pass; else the answer that it gets instead. */
export function refuse(request: Request, authority: Authority): Response | undefined {
  const port = authority.port();
  const url = new URL(request.url);
  // A name that an attacker's server makes point here (DNS rebinding) arrives in Host as what it is.
  const hosts = [`127.0.0.1:${port}`, `localhost:${port}`];
  const host = request.headers.get('host') ?? '';
  if (!hosts.includes(host.toLowerCase())) return refusal(request, 403, 'This address is not served here.');

  if (url.pathname === '/start') return start(request, url, authority, port);

  const cookie = cookieOf(request.headers.get('cookie'), cookieName(port));
  const bearer = /^Bearer +([A-Za-z0-9_-]+)$/i.exec(request.headers.get('authorization') ?? '')?.[1];
  if (!isToken(bearer, authority.token) && !isToken(cookie, authority.token)) {
    return refusal(request, 401, 'This needs the address that was printed when the studio was started.');
  }
  // The cookie is SameSite=Strict; these two hold where a browser has it sent all the same.
  const site = request.headers.get('sec-fetch-site');
  if (site !== null && site !== 'same-origin' && site !== 'none')
    return refusal(request, 403, 'Another site may not call this.');
  const origin = request.headers.get('origin');
  if (origin !== null && !hosts.some((name) => origin.toLowerCase() === `http://${name}`)) {
    return refusal(request, 403, 'Another site may not call this.');
  }
  if (request.method !== 'GET' && request.method !== 'HEAD' && request.method !== 'POST') {
    return refusal(request, 405, 'Only GET, HEAD and POST are answered.');
  }
  return undefined;
}

/** The printed address: puts the token into a cookie and out of the address bar. */
function start(request: Request, url: URL, authority: Authority, port: number): Response {
  if (request.method !== 'GET') return refusal(request, 405, 'Only GET is answered.');
  const given = url.searchParams.getAll('token');
  if (given.length !== 1 || !isToken(given[0], authority.token))
    return refusal(request, 401, 'This address is not valid any more.');
  return new Response(null, {
    status: 303,
    headers: {
      location: '/',
      'set-cookie': `${cookieName(port)}=${authority.token}; Path=/; HttpOnly; SameSite=Strict`,
      'cache-control': 'no-store',
    },
  });
}

/** Compares digests, so that neither contents nor length show in the time it takes. */
function isToken(given: string | undefined, token: string): boolean {
  if (given === undefined || token.length < TOKEN_LENGTH) return false;
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}

function cookieOf(header: string | null, name: string): string | undefined {
  for (const part of (header ?? '').split(';')) {
    const [key, value] = part.split('=', 2);
    if (key?.trim() === name) return value?.trim();
  }
  return undefined;
}

function refusal(request: Request, status: number, message: string): Response {
  const hint = 'Open the printed address again, or start the studio anew.';
  if (!(request.headers.get('accept') ?? '').includes('text/html')) {
    return Response.json({ code: 'usage', message, hint } satisfies Failure, { status });
  }
  // A person typed the address, or kept it from an earlier start.
  const page = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="color-scheme" content="dark light">
<title>Liftscope</title><body style="font: 16px/1.5 system-ui, sans-serif; max-width: 40em; margin: 20vh auto; padding: 0 1em">
<h1 style="font-size: 1.25em">Liftscope</h1><p>${message}</p><p>${hint}</p></body></html>`;
  return new Response(page, { status, headers: { 'content-type': 'text/html; charset=utf-8' } });
}
