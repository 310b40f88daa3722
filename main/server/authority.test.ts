import { describe, expect, it } from 'vitest';
import { type Authority, cookieName, refuse } from './authority.ts';

const token = 'T'.repeat(43);
const authority: Authority = { token, port: () => 4711 };
const cookie = `${cookieName(4711)}=${token}`;

function ask(headers: Record<string, string>, path = '/api/app.state', method = 'POST'): Response | undefined {
  // Not a real Request: the Fetch standard lets nobody set Host or Sec-Fetch-Site; a server sees them all the same.
  const all = new Map(Object.entries({ host: '127.0.0.1:4711', ...headers }));
  const request = {
    url: `http://127.0.0.1:4711${path}`,
    method,
    headers: { get: (name: string) => all.get(name) ?? null },
  };
  return refuse(request as unknown as Request, authority);
}

describe('authority of the browser shell', () => {
  it('lets the cookie and the bearer of the token pass', () => {
    expect(ask({ cookie })).toBeUndefined();
    expect(ask({ cookie: `a=b; ${cookie}; c` })).toBeUndefined();
    expect(ask({ authorization: `Bearer ${token}` })).toBeUndefined();
    expect(ask({ cookie, host: 'localhost:4711' })).toBeUndefined();
    expect(ask({ cookie, origin: 'http://127.0.0.1:4711', 'sec-fetch-site': 'same-origin' })).toBeUndefined();
    expect(ask({ cookie, 'sec-fetch-site': 'none' }, '/', 'GET')).toBeUndefined();
  });

  it.each([
    ['nothing', {}],
    ['an empty cookie', { cookie: `${cookieName(4711)}=` }],
    ['another token', { cookie: `${cookieName(4711)}=${'t'.repeat(43)}` }],
    ['a part of it', { authorization: `Bearer ${token.slice(0, 42)}` }],
    ['more than it', { authorization: `Bearer ${token}T` }],
    ['the cookie of another port', { cookie: `${cookieName(4712)}=${token}` }],
    ['Basic', { authorization: `Basic ${token}` }],
  ])('refuses %s with 401', (_name, headers) => {
    expect(ask(headers)?.status).toBe(401);
  });

  it.each([
    ['a rebound name', { cookie, host: 'evil.example:4711' }],
    ['a rebound name without port', { cookie, host: 'evil.example' }],
    ['another port', { cookie, host: '127.0.0.1:80' }],
    ['no host', { cookie, host: '' }],
    ['a name that begins like ours', { cookie, host: '127.0.0.1:4711.evil.example' }],
    ['another origin', { cookie, origin: 'http://evil.example' }],
    ['an opaque origin', { cookie, origin: 'null' }],
    ['our host on https', { cookie, origin: 'https://127.0.0.1:4711' }],
    ['a page of another site', { cookie, 'sec-fetch-site': 'cross-site' }],
    ['a page of another port', { cookie, 'sec-fetch-site': 'same-site' }],
  ])('refuses %s with 403', (_name, headers) => {
    expect(ask(headers)?.status).toBe(403);
  });

  it('trades the token of the address for a cookie, once it is right', () => {
    const answer = ask({}, `/start?token=${token}`, 'GET');
    expect(answer?.status).toBe(303);
    expect(answer?.headers.get('location')).toBe('/');
    const set = answer?.headers.get('set-cookie') ?? '';
    expect(set).toBe(`${cookie}; Path=/; HttpOnly; SameSite=Strict`);
    expect(ask({}, '/start?token=x', 'GET')?.status).toBe(401);
    expect(ask({}, '/start', 'GET')?.status).toBe(401);
    expect(ask({}, `/start?token=${token}&token=${token}`, 'GET')?.status).toBe(401);
    expect(ask({}, `/start?token=${token}`, 'POST')?.status).toBe(405);
    expect(ask({ host: 'evil.example' }, `/start?token=${token}`, 'GET')?.status).toBe(403);
  });

  it('tells a person in a page and a program in JSON', async () => {
    expect(ask({ accept: 'text/html,*/*' }, '/', 'GET')?.headers.get('content-type')).toContain('text/html');
    expect(await ask({ accept: 'application/json' })?.json()).toMatchObject({ code: 'usage' });
  });

  it('answers no other methods', () => {
    for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS']) expect(ask({ cookie }, '/', method)?.status).toBe(405);
  });
});
