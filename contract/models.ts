/** Models from files: the 2D teachers that run through ONNX, their registry, and what a check says about one. */
import { z } from 'zod';

/** Longest name of a model. */
export const maxModelNameLength = 200;

/**
 * `dual-encoder`: images and texts in one space (CLIP). `sam`: masks from prompts. `dino`: visual features in patches.
 * `depth`: monocular depth.
 */
export const modelKinds = ['dual-encoder', 'sam', 'dino', 'depth'] as const;
export const modelKindSchema = z.enum(modelKinds);
export type ModelKind = z.infer<typeof modelKindSchema>;

const path = z.string().min(1).max(4096);
const count = z.number().int().min(0);

/**
 * `listed`: its manifest or layout is understood and its files are there; nothing has been hashed or run. `ok`: every hash is the
 * manifest's, and one forward pass gave finite numbers. `unverified`: it runs, and no manifest says what its files should be.
 * `broken`: see `problem`.
 */
const modelStateSchema = z.enum(['listed', 'ok', 'unverified', 'broken']);
export type ModelState = z.infer<typeof modelStateSchema>;

const modelSummarySchema = z.object({
  /** Name of its folder, by which `--model` finds it. */
  id: z.string().max(maxModelNameLength),
  name: z.string().max(maxModelNameLength),
  /** Null where the manifest is too broken to tell. */
  kind: modelKindSchema.nullable(),
  /** Came with the program, or was put into the user's folder. */
  from: z.enum(['shipped', 'user']),
  folder: path,
  source: z.string().max(2000),
  licence: z.string().max(200),
  /** Of all files that belong to the model. */
  sizeBytes: count,
  state: modelStateSchema,
  /** What a check measured: dimensions, time of a forward pass. */
  detail: z.string().max(2000).optional(),
  problem: z.string().max(2000).optional(),
  hint: z.string().max(2000).optional(),
});
export type ModelSummary = z.infer<typeof modelSummarySchema>;

/** What a kind of model is for, and where to put one: shown for every kind, installed or not. */
const modelKindInfoSchema = z.object({
  kind: modelKindSchema,
  title: z.string(),
  /** What it makes possible, as the end of "It would enable …". */
  enables: z.string(),
  /** What works without one. */
  without: z.string(),
  /** Files that such a folder holds. */
  files: z.array(z.string()),
  installed: count,
});
export type ModelKindInfo = z.infer<typeof modelKindInfoSchema>;

/** Folders of models: what ships with the program, and the user's own, which need not exist. */
const modelFoldersSchema = z.object({ shipped: path, user: path });
export type ModelFolders = z.infer<typeof modelFoldersSchema>;

/** What to say about a model that comes without a manifest; whatever a manifest says wins. */
export const modelStatementSchema = z.object({
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, { error: 'must be letters, digits, dots, dashes, underscores' })
    .optional(),
  source: z.string().min(1).max(2000).optional(),
  licence: z.string().min(1).max(200).optional(),
});
export type ModelStatement = z.infer<typeof modelStatementSchema>;

export const modelsRequestSchema = z.object({
  folders: modelFoldersSchema,
  action: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('list') }),
    /** `ids` absent: all of them. */
    z.object({ kind: z.literal('check'), ids: z.array(z.string().min(1).max(4096)).max(1000).optional() }),
    z.object({
      kind: z.literal('add'),
      path,
      statement: modelStatementSchema.default({}),
      /** Whether links in the folder may lead out of it (a download cache keeps its files elsewhere). */
      followLinks: z.boolean().default(false),
    }),
  ]),
  /** 0: one per core. */
  threads: z.number().int().min(0).max(1024).default(0),
});
export type ModelsRequest = z.infer<typeof modelsRequestSchema>;

export const modelsResultSchema = z.object({
  folders: modelFoldersSchema,
  kinds: z.array(modelKindInfoSchema),
  models: z.array(modelSummarySchema),
  /** Folders that were left out because there were too many. */
  leftOut: count,
});
export type ModelsResult = z.infer<typeof modelsResultSchema>;
