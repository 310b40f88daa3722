import { LiftscopeError } from '../../../contract/index.ts';
import { type HostContext, sessionOf } from '../context.ts';
import type { Session } from '../session.ts';
import type { HandlersOf } from './types.ts';

/** What an edit of objects may touch. */
const EDITED = ['objects', 'tracks', 'observations', 'masks'];

export function objectProcedures(host: HostContext): HandlersOf<'objects' | 'edits'> {
  const stepped = (session: Session, nothing: string, done: unknown): { project: ReturnType<Session['state']> } => {
    if (done === undefined) throw new LiftscopeError({ code: 'bad-input', message: nothing });
    return { project: session.changed(EDITED) };
  };
  return {
    'objects.list': () => sessionOf(host).objects(),
    'objects.edit': (edit) => {
      const session = sessionOf(host);
      session.project.edits.applyObjectEdit(session.currentCaptureId(), edit);
      return { project: session.changed(EDITED) };
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
