import { describe, expect, it } from 'vitest';
import { LiftscopeError } from '../../contract/index.ts';
import { HttpTransport } from './http.ts';
import { readJsonLines } from './ndjson.ts';

function transportOf(answer: (url: string, init: RequestInit) => Response | Promise<Response>) {
  const seen: { url: string; init: RequestInit }[] = [];
  const transport = new HttpTransport(async (input, init = {}) => {
    seen.push({ url: String(input), init });
    return answer(String(input), init);
  });
  return { transport, seen };
}

function stream(chunks: (string | Uint8Array)[]): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(typeof chunk === 'string' ? encoder.encode(chunk) : chunk);
      controller.close();
    },
  });
}

async function failureOf(call: Promise<unknown>): Promise<LiftscopeError> {
  const error = await call.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(LiftscopeError);
  return error as LiftscopeError;
}

describe('http transport', () => {
  it('posts the input as JSON and parses the answer', async () => {
    const { transport, seen } = transportOf(() => Response.json({ value: { a: 1 } }));
    expect(await transport.call('settings.get', { key: 'layout' })).toEqual({ value: { a: 1 } });
    expect(seen[0]?.url).toBe('/api/settings.get');
    expect(seen[0]?.init.method).toBe('POST');
    expect(seen[0]?.init.body).toBe('{"key":"layout"}');
  });

  it('passes on what the host says is wrong', async () => {
    const failure = { code: 'newer-project', message: 'Made by a newer version.', hint: 'Update.' };
    const { transport } = transportOf(() => Response.json(failure, { status: 409 }));
    expect((await failureOf(transport.call('project.open', { folder: '/p' }))).toFailure()).toEqual(failure);
  });

  it.each([
    ['an answer of another shape', () => Response.json({ unexpected: true }), 'protocol'],
    ['an answer that breaks off', () => new Response('{"value":', { status: 200 }), 'protocol'],
    ['a page instead of JSON', () => new Response('<html>', { status: 502 }), 'internal'],
    ['no authority', () => new Response('', { status: 403 }), 'usage'],
    [
      'no host at all',
      () => {
        throw new TypeError('Failed to fetch');
      },
      'not-responding',
    ],
  ])('puts %s in words', async (_, answer, code) => {
    const { transport } = transportOf(answer as () => Response);
    const error = await failureOf(transport.call('settings.get', { key: 'layout' }));
    expect(error.code).toBe(code);
    expect(error.message.length).toBeGreaterThan(10);
  });

  it('lets an abort through as it is', async () => {
    const { transport } = transportOf(() => {
      throw new DOMException('aborted', 'AbortError');
    });
    await expect(transport.call('settings.get', { key: 'layout' })).rejects.toThrow(DOMException);
  });

  it('reads events and skips those of a newer host', async () => {
    const lines = ['{"lane":"hello","epoch":"e","sequence":3}', '{"lane":"hologram"}', '{"lane":"ping"}'];
    const { transport, seen } = transportOf(() => new Response(stream([`${lines.join('\n')}\n`])));
    const messages = [];
    for await (const message of transport.events({ epoch: 'e 1', after: 3 }, new AbortController().signal))
      messages.push(message.lane);
    expect(messages).toEqual(['hello', 'ping']);
    expect(seen[0]?.url).toBe('/api/events?epoch=e%201&after=3');
  });
});

describe('newline-delimited JSON', () => {
  it('joins lines and characters that chunks have torn apart', async () => {
    const bytes = new TextEncoder().encode('{"text":"fünf"}\n\n{"n":2}\n{"unfinished":');
    for (let cut = 1; cut < bytes.length; cut += 3) {
      const values = [];
      for await (const value of readJsonLines(stream([bytes.slice(0, cut), bytes.slice(cut)]))) values.push(value);
      expect(values, `cut at ${cut}`).toEqual([{ text: 'fünf' }, { n: 2 }]);
    }
  });
});
