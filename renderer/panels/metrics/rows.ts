/** Figures per frame: means, worst first, histogram, export. */
import type { FrameMetrics } from '../../../contract/index.ts';

export type MetricRow = FrameMetrics['frames'][number];
export type MetricFilter = 'all' | 'holdout' | 'train';
export type MetricField = 'name' | 'psnr' | 'ssim';

export function filterRows(rows: readonly MetricRow[], filter: MetricFilter): readonly MetricRow[] {
  return filter === 'all' ? rows : rows.filter(({ holdout }) => holdout === (filter === 'holdout'));
}

/** NaN is the worst of all and comes first when the worst do, whichever way it would compare. */
export function sortRows(rows: readonly MetricRow[], field: MetricField, descending: boolean): readonly MetricRow[] {
  const sign = descending ? -1 : 1;
  return [...rows].sort((a, b) => {
    if (field === 'name') return sign * a.name.localeCompare(b.name, 'en', { numeric: true });
    const [x, y] = [a[field], b[field]].map((value) => (Number.isNaN(value) ? -Infinity : value)) as [number, number];
    return x === y ? a.name.localeCompare(b.name, 'en', { numeric: true }) : sign * (x < y ? -1 : 1);
  });
}

/** Mean and standard deviation; null without rows. One NaN makes both NaN: it must show. */
export function statistics(values: readonly number[]): { mean: number; deviation: number } | null {
  if (values.length === 0) return null;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, deviation: Math.sqrt(variance) };
}

export interface Bin {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** Equal bins from the smallest to the largest finite value; the last one is closed. */
export function histogram(values: readonly number[], binCount: number): readonly Bin[] {
  const finite = values.filter(Number.isFinite);
  if (finite.length === 0) return [];
  const low = Math.min(...finite);
  const high = Math.max(...finite);
  const width = (high - low) / binCount || 1;
  const counts = new Array<number>(high > low ? binCount : 1).fill(0);
  for (const value of finite) {
    const index = Math.min(counts.length - 1, Math.floor((value - low) / width));
    counts[index] = (counts[index] ?? 0) + 1;
  }
  return counts.map((count, i) => ({ from: low + i * width, to: low + (i + 1) * width, count }));
}

/** A field of a CSV line: quoted where it must be, and never taken for a formula by a spreadsheet. */
function csvField(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function toCsv(rows: readonly MetricRow[]): string {
  const lines = rows.map(({ name, psnr, ssim, holdout }) =>
    [csvField(name), holdout ? 'holdout' : 'train', psnr, ssim].join(','),
  );
  return `${['frame,split,psnr_db,ssim', ...lines].join('\n')}\n`;
}

export function toJson(metrics: FrameMetrics, rows: readonly MetricRow[]): string {
  const mean = (field: 'psnr' | 'ssim') => statistics(rows.map((row) => row[field]))?.mean ?? null;
  return `${JSON.stringify({ splatsId: metrics.splatsId, mean: { psnr: mean('psnr'), ssim: mean('ssim') }, frames: rows }, null, 2)}\n`;
}
