/** Language fields of a model, and what is asked of them in words. */
import { z } from 'zod';
import { failureSchema } from '../events.ts';
import {
  LANGUAGE_NEGATIVES,
  languageRecipeSchema,
  MAX_QUERY_CHARACTERS,
  queryScaleSchema,
  RELEVANCY_GATE,
} from '../language.ts';

const count = z.int().min(0);

/** A trained language field, as the studio lists it. */
export const languageFieldSummarySchema = z.object({
  id: count,
  recipe: languageRecipeSchema,
  /** Name of the text model whose embeddings it holds. */
  model: z.string(),
  /** Values per Gaussian of one scale. */
  dimensions: count,
  createdAt: z.number(),
  /** Why it cannot be asked anything new: its text model is not there, for example. */
  problem: failureSchema.nullable(),
});
export type LanguageFieldSummary = z.infer<typeof languageFieldSummarySchema>;

const negativesSchema = z.array(z.string().min(1).max(1000)).min(1).max(31);
const thresholdSchema = z.number().min(0).max(1);

/** What is asked. `threshold`: least raw relevancy that is shown; it does not change the answer. */
export const querySettingsSchema = z.object({
  text: z.string().max(MAX_QUERY_CHARACTERS),
  negatives: negativesSchema.default([...LANGUAGE_NEGATIVES]),
  scale: queryScaleSchema.default('auto'),
  threshold: thresholdSchema.default(RELEVANCY_GATE),
});

/** A query that the project keeps: saved, or the history. */
export const queryViewSchema = z.object({
  id: count,
  captureId: count,
  text: z.string(),
  negatives: z.array(z.string()),
  scale: queryScaleSchema,
  threshold: thresholdSchema,
  saved: z.boolean(),
  createdAt: z.number(),
});
export type QueryView = z.infer<typeof queryViewSchema>;

export const queryChangeSchema = z
  .object({
    negatives: negativesSchema,
    scale: queryScaleSchema,
    threshold: thresholdSchema,
    saved: z.boolean(),
  })
  .partial()
  .refine((change) => Object.keys(change).length > 0, { error: 'nothing to change' });

/** What a field answered. Relevancy is raw everywhere: 0 to 1, above {@link RELEVANCY_GATE} it beats every negative. */
export const queryAnswerSchema = z.object({
  fieldId: count,
  recipe: z.string(),
  /** Name of the map, for `routes.relevancy` and the channel `relevancy` of a view. */
  map: z.string(),
  /** Something that training has seen is above the gate; otherwise nothing is ranked. */
  found: z.boolean(),
  /** Least raw relevancy of an answer: {@link RELEVANCY_GATE}, or what the text model states for a search over scales. */
  gate: z.number(),
  /** Of the best Gaussian that training has seen. */
  maximum: z.number(),
  unknownWords: z.array(z.string()),
  /** What was done to the text, for people. */
  notes: z.array(z.string()),
  negatives: z.array(z.string()),
  /** Scales of the field, with the highest relevancy of this query at each. */
  scales: z.array(z.object({ name: z.string(), maximum: z.number() })),
  /** The one that was used. */
  scale: z.union([z.literal('composite'), count]),
  /** Highest mean relevancy first. */
  objects: z.array(z.object({ id: count, relevancy: z.number(), maximum: z.number(), share: z.number() })),
  /** Nothing has been lifted on this model: there are no objects to rank. */
  lifted: z.boolean(),
  /** It was in the project already. */
  stored: z.boolean(),
  encodeMs: z.number(),
  totalMs: z.number(),
});
export type QueryAnswer = z.infer<typeof queryAnswerSchema>;

/** Where an answer is seen best. */
export const queryFramesSchema = z.object({
  /** Of those frames that were looked at, the ones with an answer, highest relevancy first. */
  frames: z.array(
    z.object({
      frameId: z.string(),
      maximum: z.number(),
      /** The pixel of that relevancy, in the frame. */
      best: z.object({ x: z.number(), y: z.number() }),
    }),
  ),
  /** Frames that show most of each of the first objects, best first. */
  objects: z.array(z.object({ id: count, frameIds: z.array(z.string()) })),
  /** How many frames were looked at: all, or a sample spread over the capture. */
  lookedAt: count,
  totalMs: z.number(),
});
export type QueryFrames = z.infer<typeof queryFramesSchema>;
