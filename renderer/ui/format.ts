/** Numbers and times for people, the same everywhere. A value that is not finite is an en dash. */

const NONE = '–';

export function formatCount(value: number | null): string {
  return value === null || !Number.isFinite(value) ? NONE : value.toLocaleString('en-US', { maximumFractionDigits: 0 });
}

/** `45k`, `1.25M`. */
export function formatShort(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return NONE;
  if (Math.abs(value) < 1000) return String(Math.round(value * 100) / 100);
  if (Math.abs(value) < 999_500) return `${Number((value / 1000).toPrecision(3))}k`;
  return `${Number((value / 1e6).toPrecision(3))}M`;
}

export function formatFixed(value: number | null, digits: number, unit = ''): string {
  return value === null || !Number.isFinite(value) ? NONE : `${value.toFixed(digits)}${unit === '' ? '' : ` ${unit}`}`;
}

export function formatPercent(fraction: number | null): string {
  return fraction === null || !Number.isFinite(fraction) ? NONE : `${Math.round(fraction * 100)} %`;
}

export function formatBytes(bytes: number | null): string {
  if (bytes === null || !Number.isFinite(bytes)) return NONE;
  if (bytes < 1000) return `${bytes} B`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length, Math.floor(Math.log10(bytes) / 3));
  return `${Number((bytes / 1000 ** power).toPrecision(3))} ${units[power - 1]}`;
}

/** `8 s`, `3 min 20 s`, `2 h 05 min`. */
export function formatDuration(seconds: number | null): string {
  if (seconds === null || !Number.isFinite(seconds)) return NONE;
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`;
}

/** `just now`, `12 s ago`, `3 min ago`, then the date. */
export function formatAgo(atMs: number, nowMs: number): string {
  const seconds = Math.max(0, (nowMs - atMs) / 1000);
  if (seconds < 2) return 'just now';
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return new Date(atMs).toLocaleDateString('en-GB', {
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    timeZone: 'UTC',
  });
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}
