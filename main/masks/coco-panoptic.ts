/** COCO panoptic: a JSON that lists segments, and one PNG per image whose colours R + 256 G + 65536 B are their ids. */
import { dirname } from 'node:path';
import { z } from 'zod';
import { countsByLabel } from '../../contract/index.ts';
import { CaptureError, isDirectory } from '../capture/index.ts';
import { ClassCheck, categoriesOf, imagesOf, issueText, listOf, objectOf, readCocoJson } from './coco-json.ts';
import { fileInside } from './folder.ts';
import { readIds } from './id-images.ts';
import type { ImportJob } from './import.ts';
import { stemOf } from './match.ts';
import type { SourceSegment } from './sink.ts';

const maxId = 0xffffff;
const segmentInfoSchema = z.object({
  id: z.number().int().min(1).max(maxId),
  category_id: z.number().int().min(0).max(0x7fffffff).optional(),
  score: z.number().min(0).max(1).optional(),
});
type SegmentInfo = z.infer<typeof segmentInfoSchema>;
const annotationSchema = z.object({
  image_id: z.union([z.number(), z.string()]).optional(),
  file_name: z.string().min(1).max(1024),
  segments_info: z.array(z.unknown()).max(1_000_000),
});

/** @param pngFolder default: the folder beside the JSON with its name, else the JSON's own */
export async function importCocoPanoptic(path: string, job: ImportJob, pngFolder?: string): Promise<void> {
  const document = objectOf(path, await readCocoJson(path, job));
  const images = imagesOf(path, document, job);
  const categories = categoriesOf(path, document, job);
  job.classes.push(...categories.classes);
  const checkClass = new ClassCheck(categories, job);
  const beside = stemOf(path);
  const folder = pngFolder ?? ((await isDirectory(beside)) ? beside : dirname(path));
  if (!(await isDirectory(folder))) {
    throw new CaptureError({
      code: 'not-found',
      file: folder,
      problem: 'the folder of the panoptic PNG files does not exist.',
      advice: 'Name it with --images.',
    });
  }
  const { sink, matcher, signal } = job;
  const annotations = listOf(path, document, 'annotations');
  for (const [index, entry] of annotations.entries()) {
    signal?.throwIfAborted();
    job.onProgress?.(index + 1, annotations.length);
    const parsed = annotationSchema.safeParse(entry);
    if (!parsed.success) {
      sink.notes.add('mask-unreadable', `annotations[${index}]: ${issueText(parsed.error)}; left out.`);
      continue;
    }
    const { image_id: imageId, file_name: fileName, segments_info: infos } = parsed.data;
    const image = imageId === undefined ? undefined : images.get(imageId);
    const match = (image && matcher.byName(image.file_name)) ?? matcher.byName(fileName);
    const frame = sink.accept(match, image?.file_name ?? fileName);
    if (frame === undefined) continue;
    const file = await fileInside(folder, fileName);
    if (file === undefined) {
      sink.notes.add('mask-unreadable', `${fileName}: is not in ${folder}; frame ${frame.name} stays without masks.`);
      continue;
    }
    const png = await readIds(file, fileName, frame, job);
    if (png === undefined) continue;
    const listed = listedSegments(infos, fileName, job);
    const segments = countsByLabel(png.ids).map(({ label, counts }): SourceSegment => {
      const info = listed.get(label);
      listed.delete(label);
      if (info === undefined) {
        sink.notes.add('id-unlisted', `${fileName}: id ${label} is not listed; kept as a segment without a class.`);
      }
      return {
        id: label,
        counts,
        confidence: info?.score,
        classId: checkClass.check(info?.category_id),
      };
    });
    for (const id of listed.keys()) {
      sink.notes.add(
        'segment-empty',
        `${fileName}: segment ${id} is listed and has no pixels; there is nothing to keep.`,
      );
    }
    await sink.add(frame, { name: fileName, width: png.width, height: png.height }, segments);
  }
}

function listedSegments(infos: readonly unknown[], fileName: string, job: ImportJob): Map<number, SegmentInfo> {
  const listed = new Map<number, SegmentInfo>();
  for (const [index, info] of infos.entries()) {
    const parsed = segmentInfoSchema.safeParse(info);
    if (parsed.success) listed.set(parsed.data.id, parsed.data);
    else
      job.sink.notes.add(
        'segment-invalid',
        `${fileName}: segments_info[${index}]: ${issueText(parsed.error)}; its pixels lose their class.`,
      );
  }
  return listed;
}
