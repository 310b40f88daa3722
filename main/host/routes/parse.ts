import { LiftscopeError } from '../../../contract/index.ts';

const MAX_WIDTH = 8192;

/** @throws LiftscopeError `bad-input` */
export function parseWidth(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const width = Number(text);
  if (/^\d{1,5}$/.test(text) && width >= 1 && width <= MAX_WIDTH) return width;
  throw new LiftscopeError({ code: 'bad-input', message: `width must be a whole number from 1 to ${MAX_WIDTH}.` });
}

/** @throws LiftscopeError `bad-input` */
export function parseId(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new LiftscopeError({ code: 'bad-input', message: `"${text.slice(0, 40)}" is not an id.` });
}
