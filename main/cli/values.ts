import { InvalidArgumentError } from 'commander';

export function positiveNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value <= 0)
    throw new InvalidArgumentError('It must be a number above 0.');
  return value;
}

/** 0 and above. */
export function naturalNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < 0) {
    throw new InvalidArgumentError('It must be a whole number, 0 or more.');
  }
  return value;
}

export function threadCount(text: string): number {
  const value = naturalNumber(text);
  if (value < 1 || value > 256) throw new InvalidArgumentError('It must be a whole number from 1 to 256.');
  return value;
}

/** 32 bit. */
export function seedNumber(text: string): number {
  const value = naturalNumber(text);
  if (value > 0xffffffff) throw new InvalidArgumentError('It must be at most 4294967295.');
  return value;
}
