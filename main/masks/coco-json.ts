/** What COCO's two mask formats share: bounded JSON, images, categories; every entry checked by itself. */
import { z } from 'zod';
import type { MaskClass } from '../../contract/index.ts';
import { CaptureError, clip, readWhole, systemErrorText } from '../capture/index.ts';
import type { ImportJob } from './import.ts';

/** Parsing takes several times this much; larger files are split by image. */
export const maxJsonBytes = 256 * 2 ** 20;

const name = z.string().min(1).max(1024);
const id = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const side = z.number().int().min(1).max(32_768);

/** `supercategory` of the category that stands for "no class" in our panoptic files. */
export const NO_CLASS = 'liftscope-no-class';

const imageSchema = z.object({ id: z.union([id, z.string().max(1024)]), file_name: name, width: side, height: side });
export type CocoImage = z.infer<typeof imageSchema>;
const categorySchema = z.object({
  id: z.number().int().min(0).max(0x7fffffff),
  name: z.string().min(1),
  supercategory: z.unknown().optional(),
  isthing: z.union([z.boolean(), z.literal(0), z.literal(1)]).optional(),
});

/** @throws CaptureError when the file is no JSON object or array */
export async function readCocoJson(path: string, job: ImportJob): Promise<unknown> {
  const bytes = await readWhole(path, maxJsonBytes, job.signal && { signal: job.signal });
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new CaptureError({
      code: bytes.length === 0 ? 'truncated' : 'invalid',
      file: path,
      problem: `is not JSON (${clip(systemErrorText(error), 200)}).`,
      advice: 'The file is incomplete or damaged: export it again.',
      cause: error,
    });
  }
}

/** A list of the document; absent is empty. @throws CaptureError when it is something else */
export function listOf(path: string, document: object, field: string): readonly unknown[] {
  const value = Object.hasOwn(document, field) ? (document as Record<string, unknown>)[field] : [];
  if (Array.isArray(value)) return value;
  throw new CaptureError({
    code: 'invalid',
    file: path,
    field,
    problem: 'is not a list.',
    advice: 'Is it a COCO file? Export it again.',
  });
}

export function objectOf(path: string, document: unknown): object {
  if (typeof document === 'object' && document !== null && !Array.isArray(document)) return document;
  throw new CaptureError({
    code: 'invalid',
    file: path,
    problem: 'is not a JSON object.',
    advice: 'A COCO file is an object with "images", "annotations" and "categories".',
  });
}

/** Images by id. An image that is not valid is a mask without a frame, by whatever name it has. */
export function imagesOf(path: string, document: object, job: ImportJob): Map<number | string, CocoImage> {
  const images = new Map<number | string, CocoImage>();
  for (const [index, entry] of listOf(path, document, 'images').entries()) {
    const parsed = imageSchema.safeParse(entry);
    if (!parsed.success) {
      job.sink.notes.add('mask-unreadable', `images[${index}]: ${issueText(parsed.error)}; its masks are left out.`);
    } else if (images.has(parsed.data.id)) {
      job.sink.notes.add('mask-duplicate', `images[${index}]: the id ${parsed.data.id} was used before; left out.`);
    } else images.set(parsed.data.id, parsed.data);
  }
  return images;
}

export interface Categories {
  readonly classes: MaskClass[];
  /** Id that means no class, if the file has one. */
  readonly noClass: number | undefined;
}

export function categoriesOf(path: string, document: object, job: ImportJob): Categories {
  let noClass: number | undefined;
  const classes = new Map<number, MaskClass>();
  for (const [index, entry] of listOf(path, document, 'categories').entries()) {
    const parsed = categorySchema.safeParse(entry);
    if (!parsed.success || classes.has(parsed.data.id)) {
      const problem = parsed.success ? `the id ${parsed.data.id} was used before` : issueText(parsed.error);
      job.sink.notes.add('class-invalid', `categories[${index}]: ${problem}; left out.`);
      continue;
    }
    const { id: classId, name: className, isthing, supercategory } = parsed.data;
    if (supercategory === NO_CLASS) {
      noClass = classId;
      continue;
    }
    classes.set(classId, {
      id: classId,
      name: clip(className, 200),
      ...(isthing !== undefined && { isThing: Boolean(isthing) }),
    });
  }
  return { classes: [...classes.values()], noClass };
}

export function issueText(error: z.ZodError): string {
  const issue = error.issues[0];
  return `${issue?.path.join('.') || 'entry'}: ${issue?.message ?? 'not valid'}`;
}

/** Class ids of segments; names each unknown one once. */
export class ClassCheck {
  readonly #known: ReadonlySet<number>;
  readonly #noClass: number | undefined;
  readonly #job: ImportJob;
  readonly #told = new Set<number>();

  constructor({ classes, noClass }: Categories, job: ImportJob) {
    this.#known = new Set(classes.map((one) => one.id));
    this.#noClass = noClass;
    this.#job = job;
  }

  check(classId: number | undefined): number | undefined {
    if (classId === undefined || classId === this.#noClass) return undefined;
    if (!this.#known.has(classId) && !this.#told.has(classId)) {
      this.#told.add(classId);
      this.#job.sink.notes.add('class-unknown', `class ${classId} is not listed; segments keep the number.`);
    }
    return classId;
  }
}
