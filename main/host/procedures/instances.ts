/** Lifts of a model: their list, their embeddings, and what clicks select on their features. */
import {
  type ClickView,
  LiftscopeError,
  liftingRecipeSchema,
  type PinholeView,
  type SegmentClick,
  type ViewSegmentAnswer,
} from '../../../contract/index.ts';
import { createFromSelection, liftsOf } from '../../instances/index.ts';
import type { FieldRow } from '../../project/index.ts';
import { type HostContext, sessionOf } from '../context.ts';
import type { Session } from '../session.ts';
import { freeCameraView, scaledView } from '../views.ts';
import type { HandlersOf } from './types.ts';

const EDITED = ['objects', 'tracks', 'observations', 'masks'];

export function instanceProcedures(host: HostContext): HandlersOf<'lifts' | 'segment'> {
  return {
    'lifts.list': ({ splatsId }) => {
      const session = sessionOf(host);
      session.splats(splatsId);
      return {
        lifts: liftsOf(session.project, splatsId).map(({ id, recipe, dimensions, options, createdAt }) => {
          const { masks, objects } = options;
          const count = Array.isArray(objects) ? objects.length : dimensions;
          return { id, recipe, masks: typeof masks === 'string' ? masks : '', objects: count, createdAt };
        }),
      };
    },
    'lifts.embedding': async ({ splatsId, samples }, signal) => {
      const session = sessionOf(host);
      const { splatsPath, liftPath, lift } = featuresOf(session, splatsId);
      const answer = await host.views.embedding({ splatsPath, liftPath, samples }, { signal });
      const membership = await session.memberships.of(splatsId);
      const objects = answer.gaussians.map((gaussian) => membership?.ids[gaussian] ?? 0);
      return { ...answer, recipe: lift.recipe, objects };
    },
    'segment.click': async ({ frames, ...click }, signal) => {
      const session = sessionOf(host);
      const ids = frames?.ids ?? [];
      const maps: PinholeView[] = [];
      for (const frameId of ids) maps.push((await session.frame(frames?.captureId ?? 0, frameId)).view);
      const { answer, lift } = await segment(
        host,
        session,
        click,
        { maps, memberViews: [], withGaussians: false },
        signal,
      );
      const { mask, gaussians, similarity, totalMs } = answer;
      return {
        ...{ mask, gaussians, similarity, totalMs, recipe: lift.recipe },
        maps: answer.maps.map((map, index) => ({ ...map, frameId: ids[index]! })),
      };
    },
    'segment.create': async ({ name, className, frames, ...click }, signal) => {
      const session = sessionOf(host);
      const { captureId } = session.splats(click.splatsId);
      if (captureId === null) {
        throw new LiftscopeError({ code: 'bad-input', message: 'This model belongs to no capture, and objects do.' });
      }
      const wanted = new Set(frames?.captureId === captureId ? frames.ids : []);
      // The frame that was clicked on shows what the click showed; the others show the Gaussians that it selects.
      const clickedId = 'frameId' in click.view && click.view.captureId === captureId ? click.view.frameId : undefined;
      if (clickedId !== undefined) wanted.delete(clickedId);
      const posed = async (frameId: string) => {
        const { view } = await session.frame(captureId, frameId);
        return { view, position: await session.position(captureId, frameId) };
      };
      const clicked = clickedId === undefined ? [] : [await posed(clickedId)];
      const others: Awaited<ReturnType<typeof posed>>[] = [];
      for (const frameId of wanted) others.push(await posed(frameId));
      const views = {
        maps: clicked.map(({ view }) => view),
        memberViews: others.map(({ view }) => view),
        withGaussians: true,
      };
      const { answer } = await segment(host, session, click, views, signal);
      const { objectId } = await createFromSelection(session.project, {
        ...{ captureId, splatsId: click.splatsId, name, className },
        ...{ gaussians: answer.gaussians, rle: answer.gaussiansRle ?? '' },
        shape: answer.shape,
        masks: [...answer.maps, ...answer.memberMaps].map((map, index) => {
          return { ...map, position: [...clicked, ...others][index]!.position };
        }),
      });
      return { project: session.changed(EDITED), objectId, gaussians: answer.gaussians };
    },
  };
}

/** Recipes that train an embedding, in which near means the same object. */
const WITHOUT_EMBEDDING = new Set<string>(
  liftingRecipeSchema.options.filter((name) => ['closed-form', 'mask-tracking-2d', 'linear-assignment'].includes(name)),
);

/** The newest trained embedding of a model, else its newest lift. @throws LiftscopeError `not-found` */
function featuresOf(session: Session, splatsId: number): { splatsPath: string; liftPath: string; lift: FieldRow } {
  const { artifact } = session.splats(splatsId);
  const lifts = liftsOf(session.project, splatsId);
  const lift = lifts.find(({ recipe }) => !WITHOUT_EMBEDDING.has(recipe)) ?? lifts[0];
  if (lift === undefined) {
    throw new LiftscopeError({
      code: 'not-found',
      message: 'Nothing has been lifted on this model yet.',
      hint: 'Lift masks to objects first.',
    });
  }
  const { artifacts } = session.project;
  return { splatsPath: artifacts.path(artifact), liftPath: artifacts.path(lift.artifact), lift };
}

async function segment(
  host: HostContext,
  session: Session,
  { splatsId, view, points, threshold }: SegmentClick,
  wanted: {
    readonly maps: PinholeView[];
    readonly memberViews: PinholeView[];
    readonly withGaussians: boolean;
  },
  signal: AbortSignal,
): Promise<{ answer: ViewSegmentAnswer; lift: FieldRow }> {
  const { splatsPath, liftPath, lift } = featuresOf(session, splatsId);
  if (!points.some(({ positive }) => positive)) {
    throw new LiftscopeError({ code: 'bad-input', message: 'At least one click must be positive.' });
  }
  const camera = await pinholeOf(session, view);
  const clicks = [];
  for (const { view: own, ...point } of points) {
    clicks.push(own === undefined ? point : { ...point, view: await pinholeOf(session, own) });
  }
  const answer = await host.views.segment(
    { splatsPath, liftPath, view: camera, points: clicks, threshold, ...wanted },
    { signal },
  );
  return { answer, lift };
}

async function pinholeOf(session: Session, view: ClickView): Promise<PinholeView> {
  if (!('frameId' in view)) return freeCameraView(view);
  return scaledView((await session.frame(view.captureId, view.frameId)).view, view.width);
}
