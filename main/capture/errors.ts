/** The one error that importers throw for bad input. Anything else that leaves an importer is a bug of ours. */

export type CaptureErrorCode =
  | 'not-found'
  | 'unreadable'
  | 'unknown-format'
  | 'truncated'
  | 'invalid'
  | 'too-large'
  | 'unsupported'
  | 'path-escape'
  | 'no-frames';

export interface CaptureErrorDetails {
  readonly code: CaptureErrorCode;
  readonly file: string;
  /** Where in the file, e.g. `images[3].qvec` or `line 12, column QW`. */
  readonly field?: string | undefined;
  /** What is wrong. */
  readonly problem: string;
  /** What the user can do about it. */
  readonly advice: string;
  readonly cause?: unknown;
}

export class CaptureError extends Error {
  readonly code: CaptureErrorCode;
  readonly file: string;
  readonly field: string | undefined;
  readonly problem: string;
  readonly advice: string;

  constructor(details: CaptureErrorDetails) {
    const where = details.field === undefined ? details.file : `${details.file}: ${details.field}`;
    super(
      `${clip(printable(where), 600)}: ${clip(printable(details.problem), 600)} ${details.advice}`,
      details.cause === undefined ? undefined : { cause: details.cause },
    );
    this.name = 'CaptureError';
    this.code = details.code;
    this.file = details.file;
    this.field = details.field;
    this.problem = details.problem;
    this.advice = details.advice;
  }
}

/** Control characters of hostile names must not reach a terminal. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escaping them is the point.
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

export function clip(text: string, maxLength: number): string {
  return text.length <= maxLength ? text : `${text.slice(0, maxLength - 1)}…`;
}

export function systemErrorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
