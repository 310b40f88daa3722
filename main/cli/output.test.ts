import { describe, expect, test } from 'vitest';
import { describeProgress, formatBytes, formatDuration, formatQuality, Output } from './output.ts';

class Sink {
  text = '';
  readonly isTTY: boolean;
  readonly columns = 60;
  constructor(isTTY = false) {
    this.isTTY = isTTY;
  }
  write(text: string): void {
    this.text += text;
  }
}

function setUp(options: { json?: boolean; terminal?: boolean } = {}) {
  const streams = { stdout: new Sink(), stderr: new Sink(options.terminal === true) };
  let now = 0;
  const output = new Output(streams, options.json === true, () => now);
  const wait = (ms: number): void => {
    now += ms;
  };
  return { streams, output, wait };
}

const progress = { label: 'train', done: 50, total: 200, secondsLeft: 65, detail: 'loss 0.1' };

describe('Output', () => {
  test('a result is text, or one document with --json', () => {
    const text = setUp();
    text.output.result({ psnr: 30 }, 'thirty');
    expect(text.streams.stdout.text).toBe('thirty\n');
    const json = setUp({ json: true });
    json.output.result({ psnr: 30 }, 'thirty');
    expect(JSON.parse(json.streams.stdout.text)).toEqual({ psnr: 30 });
  });

  test('a second document is a bug and is not written', () => {
    const { output, streams } = setUp({ json: true });
    output.result({ a: 1 }, '');
    expect(() => output.result({ b: 2 }, '')).toThrow(/second document/);
    expect(JSON.parse(streams.stdout.text)).toEqual({ a: 1 });
  });

  test('a failure goes to stderr in words, and to stdout as a document only with --json', () => {
    const failure = { code: 'bad-input', message: 'no images', hint: 'add some' } as const;
    const text = setUp();
    text.output.failure(failure);
    expect(text.streams).toMatchObject({ stdout: { text: '' }, stderr: { text: 'Error: no images\nadd some\n' } });
    const json = setUp({ json: true });
    json.output.failure(failure);
    expect(JSON.parse(json.streams.stdout.text)).toEqual({ error: failure });
  });

  test('without a terminal, progress is a line every five seconds and no control characters', () => {
    const { output, streams, wait } = setUp();
    for (let step = 0; step < 100; step++) {
      output.progress(progress);
      wait(100);
    }
    expect(streams.stderr.text).toBe(`${describeProgress(progress)}\n`.repeat(2));
    expect(describeProgress(progress)).toBe('train 50/200, 1 min 05 s left, loss 0.1');
  });

  test('on a terminal, progress is one line that redraws, fits, and makes way for notes', () => {
    const { output, streams, wait } = setUp({ terminal: true });
    output.progress({ ...progress, detail: 'x'.repeat(200) });
    const line = streams.stderr.text.replace('\r\x1b[2K', '');
    expect(line).toHaveLength(59);
    expect(line).toContain('25 %');
    streams.stderr.text = '';
    output.note('hello');
    expect(streams.stderr.text.startsWith('\r\x1b[2Khello\n\r\x1b[2Ktrain ')).toBe(true);
    streams.stderr.text = '';
    wait(10);
    output.progress(progress);
    expect(streams.stderr.text).toBe('');
  });
});

test('durations, sizes and qualities read as people write them', () => {
  expect([0, 59.4, 60, 3599, 3600, 90_061].map(formatDuration)).toEqual([
    '0 s',
    '59 s',
    '1 min 00 s',
    '59 min 59 s',
    '1 h 00 min',
    '25 h 01 min',
  ]);
  expect(formatDuration(Number.NaN)).toBe('?');
  expect(formatBytes(265_400_000)).toBe('265 MB');
  expect(formatBytes(3_000_000_000)).toBe('3.00 GB');
  expect(formatQuality({ psnr: 32.345, ssim: 0.95123 })).toBe('32.34 dB, SSIM 0.9512');
  expect(formatQuality({ psnr: null, ssim: null })).toBe('no held-out frames');
});
