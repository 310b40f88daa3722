/** Questions in words to the language fields of a model: asked of the view process, kept in the project with their maps. */
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { z } from 'zod';
import {
  type LanguageFieldSummary,
  LiftscopeError,
  languageRecipeSchema,
  MAX_QUERY_VIEWS,
  type PinholeView,
  type QueryAnswer,
  type QueryFrames,
  type QueryScale,
  queryAnswerSchema,
  queryFramesSchema,
  type ViewQueryAnswer,
} from '../../contract/index.ts';
import { failureOf } from '../failures.ts';
import { findModelFolder, modelFolders } from '../models/index.ts';
import type { ArtifactName, FieldRow, QueryRow, RelevancyMapRow } from '../project/index.ts';
import type { HostContext } from './context.ts';
import type { Session } from './session.ts';
import { scaledView } from './views.ts';

const MAP_EXTENSION = 'relevancy';
/** Where an answer is best seen is looked for in pictures of this width. */
const SEARCH_WIDTH_PX = 128;
/** Views of one call: between two calls the view process draws what is being looked at. */
const VIEWS_PER_CALL = 32;
/** Best frames that are told of each object. */
const MAX_FRAMES_OF_OBJECT = 5;

type Asked = Pick<QueryRow, 'text' | 'negatives' | 'scale'>;

/** As it lies in the project, beside the map. */
const storedSchema = z.object({
  /** What the answer depends on besides field and model; another key is another answer. */
  key: z.string(),
  answer: queryAnswerSchema.omit({ stored: true, map: true }),
  frames: queryFramesSchema.nullable(),
});
type Stored = z.infer<typeof storedSchema>;

export async function summaryOf(field: FieldRow): Promise<LanguageFieldSummary> {
  const { id, dimensions, createdAt } = field;
  const problem = await textModelOf(field).then(
    () => null,
    (error: unknown) => failureOf(error),
  );
  return {
    id,
    recipe: languageRecipeSchema.parse(field.recipe),
    model: modelName(field),
    dimensions,
    createdAt,
    problem,
  };
}

/** Language fields of a model, newest first. */
export function languageFields(session: Session, splatsId: number): FieldRow[] {
  const known = (field: FieldRow): boolean => languageRecipeSchema.safeParse(field.recipe).success;
  return session.project.fields.list(splatsId, 'language').filter(known);
}

/** The field that answers: the one that is named, else the newest. @throws LiftscopeError `not-found` */
export function fieldOf(session: Session, splatsId: number, fieldId?: number): FieldRow {
  session.splats(splatsId);
  const fields = languageFields(session, splatsId);
  const field = fieldId === undefined ? fields[0] : fields.find(({ id }) => id === fieldId);
  if (field !== undefined) return field;
  throw new LiftscopeError({
    code: 'not-found',
    message:
      fieldId === undefined ? 'This model has no language field yet.' : `This model has no language field ${fieldId}.`,
    hint: 'Train a language field first.',
  });
}

/** Asks the field, and stores the answer with its map under the query that `keep` gives back. @throws LiftscopeError */
export async function ask(
  host: HostContext,
  session: Session,
  field: FieldRow,
  asked: Asked,
  keep: () => QueryRow,
  signal: AbortSignal,
): Promise<{ query: QueryRow; answer: QueryAnswer }> {
  const { artifacts, queries } = session.project;
  const membership = await session.memberships.of(field.splatsId);
  const relevancyPath = await artifacts.temporaryPath(MAP_EXTENSION);
  try {
    const found = await host.views.query({ ...(await callOf(host, session, field, asked)), relevancyPath }, { signal });
    const artifact = await artifacts.adopt(relevancyPath, MAP_EXTENSION);
    const answer = answerOf(found, field, membership !== undefined);
    const query = keep();
    const stored: Stored = { key: await keyOf(session, field, asked), answer, frames: null };
    queries.putMap(query.id, { fieldId: field.id, position: null, artifact, answer: JSON.stringify(stored) });
    return { query, answer: { ...answer, map: artifact, stored: false } };
  } finally {
    await rm(relevancyPath, { force: true });
  }
}

/** What the project holds as the answer to a query; undefined where that was another question, or of other objects. */
export async function storedAnswer(
  session: Session,
  field: FieldRow,
  query: QueryRow,
): Promise<{ answer: QueryAnswer; frames: QueryFrames | null } | undefined> {
  const map = mapOf(session, field, query.id);
  const stored = map === undefined ? undefined : parsed(map);
  if (map === undefined || stored === undefined) return undefined;
  if (stored.key !== (await keyOf(session, field, query))) return undefined;
  if (!(await session.project.artifacts.has(map.artifact))) return undefined;
  return { answer: { ...stored.answer, map: map.artifact, stored: true }, frames: stored.frames };
}

/** Looks for the answer in up to {@link MAX_QUERY_VIEWS} frames spread over the capture. @throws LiftscopeError */
export async function findFrames(
  host: HostContext,
  session: Session,
  field: FieldRow,
  query: QueryRow,
  signal: AbortSignal,
): Promise<QueryFrames> {
  const startedAt = performance.now();
  const { ids } = await session.frameTable(query.captureId);
  const chosen = spread(ids.length, MAX_QUERY_VIEWS).map((position) => ids[position]!);
  const call = await callOf(host, session, field, query);
  const frames: QueryFrames['frames'] = [];
  const ofObjects = new Map<number, { frameId: string; score: number }[]>();
  for (let from = 0; from < chosen.length; from += VIEWS_PER_CALL) {
    signal.throwIfAborted();
    const part = chosen.slice(from, from + VIEWS_PER_CALL);
    const full: PinholeView[] = [];
    for (const frameId of part) full.push((await session.frame(query.captureId, frameId)).view);
    const views = full.map((view) => scaledView(view, SEARCH_WIDTH_PX));
    const answer = await host.views.query({ ...call, views }, { signal });
    answer.views.forEach(({ maximum, best }, i) => {
      if (best === null) return;
      const [x, y] = [best.x * (full[i]!.width / views[i]!.width), best.y * (full[i]!.height / views[i]!.height)];
      frames.push({ frameId: part[i]!, maximum, best: { x, y } });
    });
    for (const { id, views: seen } of answer.objects) {
      const known = ofObjects.get(id) ?? [];
      ofObjects.set(id, [...known, ...seen.map(({ view, score }) => ({ frameId: part[view]!, score }))]);
    }
  }
  const found: QueryFrames = {
    frames: frames.toSorted((a, b) => b.maximum - a.maximum),
    objects: [...ofObjects]
      .filter(([, seen]) => seen.length > 0)
      .map(([id, seen]) => {
        const best = seen.toSorted((a, b) => b.score - a.score).slice(0, MAX_FRAMES_OF_OBJECT);
        return { id, frameIds: best.map(({ frameId }) => frameId) };
      }),
    lookedAt: chosen.length,
    totalMs: performance.now() - startedAt,
  };
  const map = mapOf(session, field, query.id);
  const stored = map === undefined ? undefined : parsed(map);
  if (map !== undefined && stored !== undefined && stored.key === (await keyOf(session, field, query))) {
    session.project.queries.putMap(query.id, { ...map, answer: JSON.stringify({ ...stored, frames: found }) });
  }
  return found;
}

/** The file of a map that a query of this project has. @throws LiftscopeError `not-found` */
export function mapPath(session: Session, map: string | undefined): string {
  if (
    map !== undefined &&
    /^[0-9a-f]{64}\.relevancy$/.test(map) &&
    session.project.queries.hasMap(map as ArtifactName)
  ) {
    return session.project.artifacts.path(map as ArtifactName);
  }
  throw new LiftscopeError({
    code: 'not-found',
    message: 'There is no such relevancy map.',
    hint: 'Ask the query again.',
  });
}

/** Indices of at most `most` of `count` things, evenly spread. */
function spread(count: number, most: number): number[] {
  if (count <= most) return Array.from({ length: count }, (_, i) => i);
  return Array.from({ length: most }, (_, i) => Math.round((i * (count - 1)) / (most - 1)));
}

async function callOf(host: HostContext, session: Session, field: FieldRow, { text, negatives, scale }: Asked) {
  const { artifacts } = session.project;
  const membership = await session.memberships.of(field.splatsId);
  return {
    splatsPath: artifacts.path(session.splats(field.splatsId).artifact),
    languagePath: artifacts.path(field.artifact),
    modelDir: await textModelOf(field),
    ...{ text, negatives, scale },
    ...(membership !== undefined && { idsPath: await host.memberships.path(membership) }),
  };
}

function answerOf(found: ViewQueryAnswer, field: FieldRow, lifted: boolean): Stored['answer'] {
  const { views: _, threshold: _share, warm: _warm, objects, ...rest } = found;
  return {
    ...rest,
    fieldId: field.id,
    lifted,
    objects: objects.map(({ id, relevancy, maximum, share }) => ({ id, relevancy, maximum, share })),
  };
}

async function keyOf(session: Session, field: FieldRow, { text, negatives, scale }: Asked): Promise<string> {
  const membership = await session.memberships.of(field.splatsId);
  const parts: readonly (string | number | readonly string[] | QueryScale | null)[] = [
    ...[field.artifact, text, negatives, scale, membership?.key ?? null],
  ];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

function mapOf(session: Session, field: FieldRow, queryId: number): RelevancyMapRow | undefined {
  return session.project.queries.maps(queryId).find((map) => map.fieldId === field.id && map.position === null);
}

function parsed({ answer }: RelevancyMapRow): Stored | undefined {
  if (answer === null) return undefined;
  return storedSchema.safeParse(JSON.parse(answer)).data;
}

const optionsSchema = z.object({ model: z.object({ name: z.string().min(1).max(200) }) });

function modelName(field: FieldRow): string {
  return optionsSchema.safeParse(field.options).data?.model.name ?? 'unknown';
}

/** @throws LiftscopeError `not-found` */
async function textModelOf(field: FieldRow): Promise<string> {
  const name = modelName(field);
  const folder = await findModelFolder(name);
  if (folder !== undefined) return folder;
  throw new LiftscopeError({
    code: 'not-found',
    message: `The text model "${name}" is not on this machine, and nothing else understands what this field holds.`,
    hint: `Put its folder into ${modelFolders().user}, or train a language field with a model that is here.`,
  });
}
