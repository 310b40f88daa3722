import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { JobLogLine } from '../../../contract/index.ts';
import type { Project } from '../../project/index.ts';
import { JobLog, MAX_LOG_LINES } from './job-log.ts';

let told: JobLogLine[][];
let kept: { lines: readonly JobLogLine[]; keep: number }[];
let log: JobLog;
beforeEach(() => {
  vi.useFakeTimers({ now: 1000 });
  told = [];
  kept = [];
  const appendLog = (_id: number, lines: readonly JobLogLine[], keep: number) => kept.push({ lines, keep });
  log = new JobLog({ jobs: { appendLog } } as unknown as Project, 1, (lines) => told.push(lines));
});
afterEach(() => {
  vi.useRealTimers();
});

const texts = (): string[] => told.flat().map(({ text }) => text);

describe('the log of a job', () => {
  test('puts pieces together to lines, skips empty ones, keeps the last state of a progress bar', () => {
    log.output('one\ntw');
    log.output('o\n\n10 %\r20 %\r30 %\nthree');
    expect(texts()).toEqual([]);
    vi.advanceTimersByTime(1000);
    expect(texts()).toEqual(['one', 'two', '30 %']);
    log.close();
    expect(texts()).toEqual(['one', 'two', '30 %', 'three']);
    expect(told[0]?.[0]).toEqual({ at: 2000 - 800, level: 'info', text: 'one' });
  });

  test('a flood is counted, not kept', () => {
    for (let i = 0; i < 5000; i++) log.output(`line ${i}\n`);
    vi.advanceTimersByTime(1000);
    expect(texts().length).toBe(101);
    expect(texts().at(-1)).toBe('(4900 more lines were left out.)');
    expect(kept.every(({ keep }) => keep === MAX_LOG_LINES)).toBe(true);
  });

  test('words of ours come in order with what was printed before them; long lines are cut', () => {
    log.output('printed\n');
    log.write('warning', 'x'.repeat(5000));
    expect(texts()[0]).toBe('printed');
    expect(texts()[1]?.length).toBeLessThan(2100);
    log.output('y'.repeat(10_000));
    log.close();
    expect(texts()[2]?.length).toBeLessThan(2100);
  });
});
