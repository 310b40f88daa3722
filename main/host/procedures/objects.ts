import { LiftscopeError } from '../../../contract/index.ts';
import type { EditResult } from '../../project/index.ts';
import { endReview } from '../../tracks/index.ts';
import { type HostContext, sessionOf } from '../context.ts';
import type { Session } from '../session.ts';
import type { HandlersOf } from './types.ts';

/** Tables that a step has changed. */
export function tablesOf({ diff }: EditResult): string[] {
  const changed = [...diff.added, ...diff.removed, ...diff.updated.map(([from]) => from)];
  return [...new Set(changed.map(({ type }) => TABLES[type]))];
}

const TABLES = {
  object: 'objects',
  track: 'tracks',
  observation: 'observations',
  mask: 'masks',
  query: 'queries',
  setting: 'settings',
} as const;

export function objectProcedures(host: HostContext): HandlersOf<'objects' | 'edits'> {
  const stepped = (
    session: Session,
    nothing: string,
    done: EditResult | undefined,
  ): { project: ReturnType<Session['state']> } => {
    if (done === undefined) throw new LiftscopeError({ code: 'bad-input', message: nothing });
    return { project: session.changed(tablesOf(done)) };
  };
  return {
    'objects.list': () => sessionOf(host).objects(),
    'objects.edit': (edit) => {
      const session = sessionOf(host);
      const done = session.project.edits.applyObjectEdit(session.currentCaptureId(), edit);
      // Whoever goes on working on the tracks that are shown has decided for them.
      if (edit.type === 'merge-objects' || edit.type === 'delete-objects')
        endReview(session.project, session.currentCaptureId());
      return { project: session.changed(tablesOf(done)) };
    },
    'edits.undo': () => {
      const session = sessionOf(host);
      return stepped(session, 'There is nothing to undo.', session.project.edits.undo());
    },
    'edits.redo': () => {
      const session = sessionOf(host);
      return stepped(session, 'There is nothing to redo.', session.project.edits.redo());
    },
    'edits.history': ({ limit }) => ({
      edits: sessionOf(host)
        .project.edits.history(limit)
        .map(({ id, label, at, undone }) => ({ id, label, at, undone })),
    }),
  };
}
