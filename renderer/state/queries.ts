/** Queries that are open: what the Query panel lists and what Frames and Scene draw. Written by `tools/queries.ts` alone. */
import type { Failure, QueryAnswer, QueryFrames, QueryView } from '../../contract/index.ts';

export interface QueryLayer {
  /** Of this window; the query itself has none until it is answered for the first time. */
  readonly key: number;
  readonly text: string;
  readonly negatives: readonly string[];
  readonly scale: QueryView['scale'];
  /** Least raw relevancy that is drawn. */
  readonly threshold: number;
  readonly color: string;
  /** Drawn in Frames and Scene. */
  readonly visible: boolean;
  /** As the project keeps it; null before the first answer. */
  readonly query: QueryView | null;
  /** Stays while the next one is on its way. */
  readonly answer: QueryAnswer | null;
  readonly frames: QueryFrames | null;
  readonly busy: boolean;
  readonly failure: Failure | null;
  /** From asking to the answer on this side. */
  readonly milliseconds: number | null;
}

export interface QueriesState {
  /** In the order they were asked. */
  readonly layers: readonly QueryLayer[];
  /** Key of the one whose details are shown; null without any. */
  readonly active: number | null;
  /** The field that answers; null: the newest. */
  readonly fieldId: number | null;
}

export const initialQueries: QueriesState = { layers: [], active: null, fieldId: null };
