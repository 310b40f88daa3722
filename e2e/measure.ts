import type { TestInfo } from 'playwright/test';

/** A figure that is printed and kept in the report, never asserted: machines differ, and `bench studio` measures on a quiet one. */
export function measured(info: TestInfo, name: string, value: number, unit: 'ms' | 'dB'): void {
  const description = `${name}: ${value.toFixed(unit === 'dB' ? 2 : 0)} ${unit}`;
  info.annotations.push({ type: 'measured', description });
  console.log(`measured: ${description}`);
}
