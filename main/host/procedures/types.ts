import type { ProcedureName, ProcedureOutput, ProcedureParsedInput } from '../../../contract/index.ts';

/** An answer that is JSON already, made elsewhere so that this process need not. */
export class JsonText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type Handlers = {
  readonly [N in ProcedureName]: (
    input: ProcedureParsedInput<N>,
    /** Aborted when the caller has gone. */
    signal: AbortSignal,
  ) => ProcedureOutput<N> | JsonText | Promise<ProcedureOutput<N> | JsonText>;
};

/** Those of one area: `app.` or `jobs.`. */
export type HandlersOf<Area extends string> = Pick<Handlers, Extract<ProcedureName, `${Area}.${string}`>>;
