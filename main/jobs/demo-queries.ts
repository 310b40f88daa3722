/** The last stage of the demo: three questions in words, answered on the sample scene, with a map of each. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type BackendChoice, LiftscopeError } from '../../contract/index.ts';
import type { Project } from '../project/index.ts';
import { askProject } from './language.ts';
import { ViewClient } from './view-client.ts';

export const demoAnswerSchema = z.object({
  text: z.string(),
  found: z.boolean(),
  /** Highest raw relevancy. */
  maximum: z.number(),
  /** Names of the objects that answer best. */
  objects: z.array(z.object({ name: z.string(), relevancy: z.number() })),
  /** Where it is, in the frame of the map; null where nothing beats every negative. */
  point: z.object({ x: z.number(), y: z.number() }).nullable(),
  /** PNG of raw relevancy. */
  map: z.string(),
  frame: z.string(),
  /** From the text to the answer in every frame. */
  milliseconds: z.number(),
});
export type DemoAnswer = z.infer<typeof demoAnswerSchema>;

const objectsSchema = z.array(
  z.object({
    id: z.number(),
    category: z.string(),
    colour: z.string(),
    words: z.array(z.string()),
    parts: z.array(z.object({ name: z.string(), words: z.array(z.string()) })),
  }),
);
const tracksSchema = z.object({
  tracks: z.array(z.object({ objectId: z.number(), observations: z.array(z.array(z.number()).min(2)) })),
});
/** Parts that people ask for, before others. */
const ASKED_PARTS = ['handle', 'lid', 'cap', 'cover', 'blade', 'neck'];

/** A colour and a category, a part of another object, and a third object by its colour: of what the photos show most of. */
export async function demoQuestions(sceneFolder: string): Promise<string[]> {
  const read = async <T extends z.ZodType>(name: string, schema: T): Promise<z.infer<T>> => {
    const file = join(sceneFolder, 'truth', name);
    const parsed = schema.safeParse(JSON.parse(await readFile(file, 'utf8')));
    if (parsed.success) return parsed.data;
    throw new LiftscopeError({ code: 'bad-input', message: `${file}: ${z.prettifyError(parsed.error)}` });
  };
  const objects = await read('objects.json', objectsSchema);
  const { tracks } = await read('tracks.json', tracksSchema);
  const seen = new Map(
    tracks.map(({ objectId, observations }) => [
      objectId,
      observations.reduce((sum, [, pixels]) => sum + (pixels ?? 0), 0),
    ]),
  );
  const shown = objects.toSorted((a, b) => (seen.get(b.id) ?? 0) - (seen.get(a.id) ?? 0));
  const named = ({ colour, category }: (typeof objects)[number]): string =>
    `${colour} ${category.replaceAll('-', ' ')}`;
  const [whole, ...others] = shown;
  const withPart = others.find(({ parts }) => parts.some(({ name }) => ASKED_PARTS.includes(name))) ?? others[0];
  const third = others.find((object) => object !== withPart && object.category !== whole?.category);
  const questions: string[] = [];
  if (whole !== undefined) questions.push(named(whole));
  if (withPart !== undefined) {
    const part = ASKED_PARTS.find((name) => withPart.parts.some((own) => own.name === name)) ?? withPart.parts[0]?.name;
    questions.push(`${part === undefined ? '' : `${part} of the `}${named(withPart)}`);
  }
  if (third !== undefined) questions.push(named(third));
  return questions;
}

/** Maps go to `folder`, numbered. The questions and their relevancy are in the project then. @throws LiftscopeError */
export async function askDemoQuestions(
  project: Project,
  questions: readonly string[],
  folder: string,
  options: { readonly backend?: BackendChoice; readonly threads?: number; readonly signal?: AbortSignal },
): Promise<DemoAnswer[]> {
  const { signal, ...compute } = options;
  const views = new ViewClient(compute);
  try {
    const answers: DemoAnswer[] = [];
    for (const [index, text] of questions.entries()) {
      const outputPath = join(folder, `${index + 1}-${text.replaceAll(/[^a-z0-9]+/gi, '-')}.png`);
      const answer = await askProject(project, views, { text, outputPath, signal });
      answers.push({
        ...{ text, found: answer.found, maximum: answer.maximum, milliseconds: answer.totalMs },
        objects: answer.objects.slice(0, 3).map(({ name, relevancy }) => ({ name, relevancy })),
        ...{ point: answer.frames[0]?.point ?? null, map: outputPath, frame: answer.map?.frame ?? '' },
      });
    }
    return answers;
  } finally {
    await views.dispose();
  }
}
