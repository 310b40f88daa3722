/** Queries in words: asking, the history, and what is saved. */
import { LiftscopeError, type QueryRecord, type QueryView } from '../../../contract/index.ts';
import { installedModels } from '../../models/index.ts';
import type { QueryRow } from '../../project/index.ts';
import { type HostContext, sessionOf } from '../context.ts';
import { ask, fieldOf, findFrames, languageFields, storedAnswer, summaryOf } from '../language.ts';
import type { Session } from '../session.ts';
import type { HandlersOf } from './types.ts';

/** Queries that are not saved, beyond which the oldest are forgotten. */
const KEPT_HISTORY = 200;
const MAX_LISTED = 2000;
const CHANGED = ['queries'];

export function queryProcedures(host: HostContext): HandlersOf<'queries'> {
  return {
    'queries.fields': async ({ splatsId }) => {
      const session = sessionOf(host);
      session.splats(splatsId);
      const [fields, models] = await Promise.all([
        Promise.all(languageFields(session, splatsId).map((field) => summaryOf(field))),
        installedModels('dual-encoder'),
      ]);
      return { fields, models };
    },
    'queries.list': ({ captureId }) => {
      const session = sessionOf(host);
      session.requireCapture(captureId);
      return { queries: session.project.queries.list(captureId, MAX_LISTED).map(viewOf) };
    },
    'queries.ask': async ({ splatsId, fieldId, ...settings }, signal) => {
      const session = sessionOf(host);
      const captureId = captureOf(session, splatsId);
      const field = fieldOf(session, splatsId, fieldId);
      const text = settings.text.toWellFormed().replaceAll('\0', '').trim();
      if (text === '') {
        throw new LiftscopeError({ code: 'bad-input', message: 'There is nothing to look for: type a word or two.' });
      }
      const { queries } = session.project;
      const asked = { ...settings, text, captureId, saved: false };
      const same = queries.list(captureId, MAX_LISTED).find((one) => isSame(one, asked));
      const keep = (): QueryRow => {
        if (same !== undefined && queries.get(same.id) !== undefined) return same;
        const added = queries.add(asked);
        queries.prune(captureId, KEPT_HISTORY);
        return added;
      };
      const { query, answer } = await ask(host, session, field, asked, keep, signal);
      session.changed(CHANGED);
      return { query: viewOf(query), answer };
    },
    'queries.answer': async ({ queryId, splatsId, fieldId }, signal) => {
      const session = sessionOf(host);
      const field = fieldOf(session, splatsId, fieldId);
      const query = requireQuery(session, queryId);
      const stored = await storedAnswer(session, field, query);
      if (stored !== undefined) return { query: viewOf(query), answer: stored.answer };
      const { answer } = await ask(host, session, field, query, () => requireQuery(session, queryId), signal);
      return { query: viewOf(query), answer };
    },
    'queries.frames': async ({ queryId, splatsId, fieldId }, signal) => {
      const session = sessionOf(host);
      const field = fieldOf(session, splatsId, fieldId);
      const query = requireQuery(session, queryId);
      const stored = await storedAnswer(session, field, query);
      return stored?.frames ?? findFrames(host, session, field, query, signal);
    },
    'queries.change': ({ queryId, change }) => {
      const session = sessionOf(host);
      const before = requireQuery(session, queryId);
      const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
      const after: QueryRow = { ...before, ...given };
      // What is saved is a person's work; what is merely in the history is no more than a trace.
      if (before.saved || after.saved) {
        const verb = before.saved === after.saved ? 'Change' : after.saved ? 'Save' : 'Forget';
        const diff = { added: [], updated: [[recordOf(before), recordOf(after)]], removed: [] };
        session.project.edits.apply(`${verb} query ${shortened(before.text)}`, diff);
      } else session.project.queries.put(after);
      return { project: session.changed(CHANGED), query: viewOf(after) };
    },
    'queries.remove': ({ ids }) => {
      const session = sessionOf(host);
      const rows = [...new Set(ids)].map((id) => requireQuery(session, id));
      const saved = rows.filter((row) => row.saved);
      if (saved.length > 0) {
        const what = saved.length === 1 ? `query ${shortened(saved[0]!.text)}` : `${saved.length} queries`;
        session.project.edits.apply(`Remove ${what}`, { added: [], updated: [], removed: saved.map(recordOf) });
      }
      for (const row of rows) if (!row.saved) session.project.queries.remove(row.id);
      return { project: session.changed(CHANGED) };
    },
  };
}

/** The capture that a model belongs to; of one that was opened from a file, the one that panels show. */
function captureOf(session: Session, splatsId: number): number {
  return session.splats(splatsId).captureId ?? session.currentCaptureId();
}

/** @throws LiftscopeError `not-found` */
function requireQuery(session: Session, id: number): QueryRow {
  const query = session.project.queries.get(id);
  if (query !== undefined) return query;
  throw new LiftscopeError({ code: 'not-found', message: 'This query is not in the project any more.' });
}

function isSame(a: QueryRow, b: Pick<QueryRow, 'text' | 'negatives' | 'scale'>): boolean {
  const same = a.negatives.length === b.negatives.length && a.negatives.every((phrase, i) => phrase === b.negatives[i]);
  return same && a.text === b.text && a.scale === b.scale;
}

function viewOf(row: QueryRow): QueryView {
  return { ...row };
}

function recordOf(row: QueryRow): QueryRecord {
  return { type: 'query', ...row };
}

/** Labels are short: a menu shows them. */
function shortened(text: string): string {
  const characters = [...text];
  return `“${characters.length <= 40 ? text : `${characters.slice(0, 39).join('')}…`}”`;
}
