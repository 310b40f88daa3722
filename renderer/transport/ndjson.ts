/** Longest accepted line, UTF-16 code units: a whole project state with a thousand jobs is far below. */
const MAX_LINE_LENGTH = 32 << 20;

/** The lines of a stream of newline-delimited JSON, parsed. Empty lines are skipped; an unfinished last line is dropped. */
export async function* readJsonLines(body: ReadableStream<Uint8Array>): AsyncGenerator<unknown> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      rest += decoder.decode(value, { stream: true });
      let start = 0;
      for (let end = rest.indexOf('\n', start); end >= 0; end = rest.indexOf('\n', start)) {
        const line = rest.slice(start, end).trim();
        start = end + 1;
        if (line !== '') yield JSON.parse(line);
      }
      rest = rest.slice(start);
      if (rest.length > MAX_LINE_LENGTH) throw new Error('a line of the event stream is too long');
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
