/** Corrections of tracks, and what helps to make them. */
import {
  amodalOutlines,
  carriedOutlines,
  effortOf,
  endReview,
  reviewOf,
  showTracks,
  suggestedMerges,
  TrackOccluders,
  TrackPlaces,
} from '../../tracks/index.ts';
import { type HostContext, sessionOf } from '../context.ts';
import type { Session } from '../session.ts';
import { tablesOf } from './objects.ts';
import type { HandlersOf } from './types.ts';

const STORED = ['objects', 'tracks', 'observations', 'masks'];

export function trackProcedures(host: HostContext): HandlersOf<'tracks'> {
  const files = new WeakMap<Session, { readonly places: TrackPlaces; readonly occluders: TrackOccluders }>();
  const filesOf = (session: Session) => {
    const { project } = session;
    const known = files.get(session) ?? { places: new TrackPlaces(project), occluders: new TrackOccluders(project) };
    files.set(session, known);
    return known;
  };
  return {
    'tracks.edit': (edit) => {
      const session = sessionOf(host);
      const captureId = session.currentCaptureId();
      const done = session.project.edits.applyTrackEdit(captureId, edit);
      // Whoever goes on working on what is shown has decided for it.
      endReview(session.project, captureId);
      return { project: session.changed(tablesOf(done)), objectId: done.objectId };
    },
    'tracks.suggestions': () => {
      const session = sessionOf(host);
      return { suggestions: suggestedMerges(session.project, session.currentCaptureId()) };
    },
    'tracks.trails': async ({ ids }) => {
      const session = sessionOf(host);
      return { trails: await filesOf(session).places.trails(session.currentCaptureId(), ids) };
    },
    'tracks.outlines': async ({ position, ids }) => {
      const session = sessionOf(host);
      const captureId = session.currentCaptureId();
      const carried = await carriedOutlines(session.project, captureId, position, ids);
      return { outlines: [...(await amodalOutlines(session.project, captureId, position, ids)), ...carried] };
    },
    'tracks.occluders': async ({ position, ids }) => {
      const session = sessionOf(host);
      return { occluders: await filesOf(session).occluders.ofFrame(session.currentCaptureId(), position, ids) };
    },
    'tracks.effort': () => effortOf(sessionOf(host).project),
    'tracks.review': () => {
      const session = sessionOf(host);
      const { captureId } = session.selection();
      return { review: captureId === null ? null : reviewOf(session.project, captureId) };
    },
    'tracks.decide': async ({ action }) => {
      const session = sessionOf(host);
      const captureId = session.currentCaptureId();
      await showTracks(
        session.project,
        captureId,
        action === 'show-before' || action === 'reject' ? 'before' : 'after',
      );
      if (action === 'accept' || action === 'reject') endReview(session.project, captureId);
      return { project: session.changed(STORED), review: reviewOf(session.project, captureId) };
    },
  };
}
