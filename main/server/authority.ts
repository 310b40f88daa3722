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
  if (!hosts.includes(host.toLowerCase())) return refusal(403, 'This address is not served here.');

  if (url.pathname === '/start') return start(request, url, authority, port);

  const cookie = cookieOf(request.headers.get('cookie'), cookieName(port));
  const bearer = /^Bearer +([A-Za-z0-9_-]+)$/i.exec(request.headers.get('authorization') ?? '')?.[1];
  if (!isToken(bearer, authority.token) && !isToken(cookie, authority.token)) {
    return refusal(401, 'This needs the address that was printed when the studio was started.');
  }
  // The cookie is SameSite=Strict; these two hold where a browser has it sent all the same.
  const site = request.headers.get('sec-fetch-site');
  if (site !== null && site !== 'same-origin' && site !== 'none')
    return refusal(403, 'Another site may not call this.');
  const origin = request.headers.get('origin');
  if (origin !== null && !hosts.some((name) => origin.toLowerCase() === `http://${name}`)) {
    return refusal(403, 'Another site may not call this.');
  }
  if (request.method !== 'GET' && request.method !== 'HEAD' && request.method !== 'POST') {
    return refusal(405, 'Only GET, HEAD and POST are answered.');
  }
  return undefined;
}

/** The printed address: puts the token into a cookie and out of the address bar. */
function start(request: Request, url: URL, authority: Authority, port: number): Response {
  if (request.method !== 'GET') return refusal(405, 'Only GET is answered.');
  const given = url.searchParams.getAll('token');
  if (given.length !== 1 || !isToken(given[0], authority.token))
    return refusal(401, 'This address is not valid any more.');
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

function refusal(status: number, message: string): Response {
  const failure: Failure = {
    code: 'usage',
    message,
    hint: 'Open the printed address again, or start the studio anew.',
  };
  return Response.json(failure, { status });
}
