/** COCO instances: polygons, run-length codes compressed or not; also lists of results without images. */
import { z } from 'zod';
import { checkedCounts, decodeCounts, LiftscopeError, rowCounts } from '../../contract/index.ts';
import {
  ClassCheck,
  type CocoImage,
  categoriesOf,
  imagesOf,
  issueText,
  listOf,
  objectOf,
  readCocoJson,
} from './coco-json.ts';
import type { ImportJob } from './import.ts';
import type { MaskFrame } from './match.ts';
import { countsOfPolygons } from './polygons.ts';
import type { SourceSegment } from './sink.ts';

const side = z.number().int().min(1).max(32_768);
const rleSchema = z.object({
  /** Height, width. */
  size: z.tuple([side, side]),
  counts: z.union([z.string(), z.array(z.number())]),
});
const polygonSchema = z.array(z.number()).min(6);
const annotationSchema = z.object({
  id: z.number().optional(),
  /** Ours: the id within its frame, where the global one differs. */
  segment_id: z.number().optional(),
  image_id: z.union([z.number(), z.string()]),
  category_id: z.number().int().min(0).max(0x7fffffff).optional(),
  score: z.number().optional(),
  segmentation: z.union([rleSchema, z.array(polygonSchema).min(1)]),
});
type Annotation = z.infer<typeof annotationSchema>;

interface Place {
  readonly index: number;
  readonly annotation: Annotation;
}

/** An image without annotations is a frame in which nothing was found. */
export async function importCocoInstances(path: string, job: ImportJob): Promise<void> {
  const parsedJson = await readCocoJson(path, job);
  const results = Array.isArray(parsedJson);
  const document = results ? { annotations: parsedJson } : objectOf(path, parsedJson);
  const images = imagesOf(path, document, job);
  const categories = categoriesOf(path, document, job);
  job.classes.push(...categories.classes);
  const checkClass = results ? undefined : new ClassCheck(categories, job);
  const { sink, matcher, signal } = job;

  const byImage = new Map<number | string, Place[]>([...images.keys()].map((id) => [id, []]));
  for (const [index, entry] of listOf(path, document, 'annotations').entries()) {
    const parsed = annotationSchema.safeParse(entry);
    if (!parsed.success) {
      sink.notes.add('segment-invalid', `annotations[${index}]: ${issueText(parsed.error)}; left out.`);
      continue;
    }
    const annotation = parsed.data;
    const places = byImage.get(annotation.image_id);
    if (places !== undefined) places.push({ index, annotation });
    else if (results) byImage.set(annotation.image_id, [{ index, annotation }]);
    else
      sink.notes.add(
        'image-unknown',
        `annotations[${index}]: its image ${annotation.image_id} is not listed; left out.`,
      );
  }

  let done = 0;
  for (const [imageId, places] of byImage) {
    signal?.throwIfAborted();
    job.onProgress?.(++done, byImage.size);
    const image = images.get(imageId);
    const name = image?.file_name ?? String(imageId);
    const match =
      matcher.byName(name) ??
      (image === undefined && typeof imageId === 'number' ? matcher.byNumber(imageId) : undefined);
    const frame = sink.accept(match, name);
    if (frame === undefined) continue;
    const size = sizeOf(image, places, frame);
    const segments = places.flatMap((place) => segmentOf(place, size, job, checkClass) ?? []);
    await sink.add(frame, { name, ...size }, segments);
  }
}

/** Of the image's entry; results have none, and their codes say it. */
function sizeOf(
  image: CocoImage | undefined,
  places: readonly Place[],
  frame: MaskFrame,
): { width: number; height: number } {
  if (image !== undefined) return { width: image.width, height: image.height };
  for (const { annotation } of places) {
    if ('size' in annotation.segmentation) {
      const [height, width] = annotation.segmentation.size;
      return { width, height };
    }
  }
  return { width: frame.width, height: frame.height };
}

function segmentOf(
  { index, annotation }: Place,
  { width, height }: { width: number; height: number },
  job: ImportJob,
  checkClass: ClassCheck | undefined,
): SourceSegment | undefined {
  const { segmentation, category_id: categoryId, score } = annotation;
  const invalid = (problem: string): undefined =>
    job.sink.notes.add('segment-invalid', `annotations[${index}]: ${problem}; left out.`) as undefined;
  let counts: number[] | undefined;
  if (Array.isArray(segmentation)) {
    counts = countsOfPolygons(segmentation, width, height);
    if (counts === undefined) return invalid('its outlines are too long');
  } else {
    const [high, wide] = segmentation.size;
    if (high !== height || wide !== width) return invalid(`its mask is ${wide}x${high}, its image ${width}x${height}`);
    try {
      const columns =
        typeof segmentation.counts === 'string'
          ? decodeCounts(segmentation.counts, width * height)
          : checkedCounts(segmentation.counts, width * height);
      counts = rowCounts(columns, width, height);
    } catch (error) {
      if (error instanceof LiftscopeError) return invalid(error.message);
      throw error;
    }
  }
  if (score !== undefined && !(score >= 0 && score <= 1)) {
    job.sink.notes.add(
      'segment-invalid',
      `annotations[${index}]: the score ${score} is not in [0, 1]; the mask is kept without it.`,
    );
  }
  return {
    id: annotation.segment_id ?? annotation.id ?? 0,
    counts,
    // A list of results has no categories to check against.
    classId: checkClass === undefined ? categoryId : checkClass.check(categoryId),
    confidence: score !== undefined && score >= 0 && score <= 1 ? score : undefined,
  };
}
