import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type Database from 'better-sqlite3';
import { z } from 'zod';
import { LiftscopeError } from '../../contract/index.ts';
import { insideOf, relocated } from './paths.ts';
import { parseRow } from './rows.ts';
import { bumpRevision } from './sqlite-records.ts';

/** Files asked about at the same time: enough to keep a network share busy, few enough for its limits. */
const CONCURRENT_STATS = 16;
/** Files that each candidate folder is tried with before the best one is checked in full. */
const PROBES = 32;
/** Most names in a report; it counts all. */
const MAX_NAMES = 100;

export interface MissingFiles {
  /** Names of frames, `NAME (mask)` for masks; the first {@link MAX_NAMES}. */
  readonly missing: readonly string[];
  readonly missingCount: number;
  /** Files outside the project that the capture needs. */
  readonly total: number;
}

export interface RelinkReport extends MissingFiles {
  /** Files that are there, by name and size. */
  readonly found: number;
  /** Files of the right name and another size than at import. */
  readonly different: readonly string[];
  readonly differentCount: number;
  /** Of those found: files whose size at import is not known, so that their name alone speaks for them. */
  readonly unverified: number;
  /** The folder that import read, and what would be read in its stead. */
  readonly from: string;
  readonly to: string;
  /** Of the capture's own files, where the caller could compute it. */
  readonly fingerprint: 'same' | 'different' | 'unreadable' | 'not-checked';
  /** Everything is there and is what it was. */
  readonly complete: boolean;
}

export interface RelinkOptions {
  /** Imports the capture at its new place far enough to give its fingerprint. */
  readonly fingerprintOf?: (sourcePath: string) => Promise<string>;
  readonly signal?: AbortSignal;
}

interface NeededFile {
  readonly name: string;
  /** As import found it. */
  readonly path: string;
  readonly bytes: number | null;
}

const captureRowSchema = z.object({
  source_path: z.string(),
  images_path: z.string(),
  fingerprint: z.string(),
  moved_from: z.string().nullable(),
  moved_to: z.string().nullable(),
});
const fileRowSchema = z.object({
  name: z.string(),
  image_path: z.string().nullable(),
  mask_path: z.string().nullable(),
  image_bytes: z.int().nullable(),
});

/**
 * Finds captures again that have moved. Paths stay in the project as import made them; a relinked capture says which folder
 * is read in whose stead, so that it can be taken back.
 */
export class Relinker {
  private readonly db: Database.Database;

  constructor(db: Database.Database) {
    this.db = db;
  }

  /** What the capture needs and is not there, as it is linked now. */
  async missing(captureId: number, options: { readonly signal?: AbortSignal } = {}): Promise<MissingFiles> {
    const capture = this.capture(captureId);
    const moved = { from: capture.moved_from, to: capture.moved_to };
    const files = this.files(captureId);
    const stats = await statAll(
      files.map((file) => relocated(file.path, moved.from, moved.to)),
      options.signal,
    );
    const missing = files.filter((_, index) => stats[index]?.isFile() !== true);
    return { missing: namesOf(missing), missingCount: missing.length, total: files.length };
  }

  /** Whether the capture is in `folder` (its own folder, that of its images, or the one above). Changes nothing. */
  async check(captureId: number, folder: string, options: RelinkOptions = {}): Promise<RelinkReport> {
    const capture = this.capture(captureId);
    const files = this.files(captureId);
    const { from, to } = await this.bestRoots(capture, files, resolve(folder), options.signal);
    const stats = await statAll(
      files.map((file) => relocated(file.path, from, to)),
      options.signal,
    );
    const missing: NeededFile[] = [];
    const different: NeededFile[] = [];
    let unverified = 0;
    files.forEach((file, index) => {
      const found = insideOf(file.path, from) === undefined ? undefined : stats[index];
      if (found?.isFile() !== true) missing.push(file);
      else if (file.bytes === null) unverified++;
      else if (file.bytes !== found.size) different.push(file);
    });
    const fingerprint = await compare(capture.fingerprint, relocated(capture.source_path, from, to), options);
    return {
      found: files.length - missing.length - different.length,
      missing: namesOf(missing),
      missingCount: missing.length,
      different: namesOf(different),
      differentCount: different.length,
      unverified,
      total: files.length,
      from,
      to,
      fingerprint,
      complete: missing.length + different.length === 0 && (fingerprint === 'same' || fingerprint === 'not-checked'),
    };
  }

  /**
   * Reads the capture from `folder` from now on, after checking once more.
   * @throws LiftscopeError `bad-input` when it is not all there and `allowPartial` is not set, or nothing is; nothing has
   *   changed then
   */
  async accept(
    captureId: number,
    folder: string,
    options: RelinkOptions & { readonly allowPartial?: boolean } = {},
  ): Promise<RelinkReport> {
    const report = await this.check(captureId, folder, options);
    if (report.found === 0 && report.total > 0) {
      throw new LiftscopeError({
        code: 'bad-input',
        message: `${folder} holds none of the ${report.total} files of this capture. Nothing was changed.`,
        hint: 'Choose the folder that holds the photos, or the one above.',
      });
    }
    if (!report.complete && options.allowPartial !== true) {
      const problems = [
        ...(report.missingCount > 0
          ? [`${report.missingCount} missing (${report.missing.slice(0, 3).join(', ')})`]
          : []),
        ...(report.differentCount > 0
          ? [`${report.differentCount} of another size (${report.different.slice(0, 3).join(', ')})`]
          : []),
        ...(report.fingerprint === 'different' ? ['the capture itself has changed since import'] : []),
        ...(report.fingerprint === 'unreadable' ? ['the capture itself cannot be read'] : []),
      ];
      throw new LiftscopeError({
        code: 'bad-input',
        message: `${folder} is not the whole capture of ${report.total} files: ${problems.join('; ')}. Nothing was changed.`,
        hint: 'Accept it as it is, choose another folder, or import the capture anew.',
      });
    }
    this.write(captureId, report.from === report.to ? null : report.from, report.from === report.to ? null : report.to);
    return report;
  }

  /** Back to where import found it. */
  reset(captureId: number): void {
    this.capture(captureId);
    this.write(captureId, null, null);
  }

  private write(captureId: number, from: string | null, to: string | null): void {
    this.db
      .transaction(() => {
        this.db.prepare('UPDATE captures SET moved_from = ?, moved_to = ? WHERE id = ?').run(from, to, captureId);
        bumpRevision(this.db);
      })
      .immediate();
  }

  private capture(captureId: number): z.infer<typeof captureRowSchema> {
    const row = this.db.prepare('SELECT * FROM captures WHERE id = ?').get(captureId);
    if (row !== undefined) return parseRow(captureRowSchema, row, 'captures');
    throw new LiftscopeError({ code: 'not-found', message: `There is no capture ${captureId} in this project.` });
  }

  private files(captureId: number): NeededFile[] {
    return this.db
      .prepare(
        `SELECT name, image_path, mask_path, image_bytes FROM frames
         WHERE capture_id = ? AND (image_path IS NOT NULL OR mask_path IS NOT NULL) ORDER BY position`,
      )
      .all(captureId)
      .map((row) => parseRow(fileRowSchema, row, 'frames'))
      .flatMap(({ name, image_path, mask_path, image_bytes }): NeededFile[] => [
        ...(image_path === null ? [] : [{ name, path: image_path, bytes: image_bytes }]),
        ...(mask_path === null ? [] : [{ name: `${name} (mask)`, path: mask_path, bytes: null }]),
      ]);
  }

  /** Which folder of the import the given one stands for: that which brings most files back. */
  private async bestRoots(
    capture: z.infer<typeof captureRowSchema>,
    files: readonly NeededFile[],
    folder: string,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly from: string; readonly to: string }> {
    const roots = [
      capture.source_path,
      dirname(capture.source_path),
      capture.images_path,
      dirname(capture.images_path),
    ];
    const candidates = [...new Set(roots)].flatMap((from) => [
      { from, to: folder },
      { from, to: join(folder, lastPart(from)) },
    ]);
    const step = Math.max(1, Math.floor(files.length / PROBES));
    const probes = files.filter((_, index) => index % step === 0);
    let best = candidates[0]!;
    let most = -1;
    for (const candidate of candidates) {
      const inside = probes.filter((file) => insideOf(file.path, candidate.from) !== undefined);
      const stats = await statAll(
        inside.map((file) => relocated(file.path, candidate.from, candidate.to)),
        signal,
      );
      const found = stats.filter((info) => info?.isFile() === true).length;
      if (found > most) {
        most = found;
        best = candidate;
      }
    }
    return best;
  }
}

async function compare(
  expected: string,
  sourcePath: string,
  { fingerprintOf, signal }: RelinkOptions,
): Promise<RelinkReport['fingerprint']> {
  if (fingerprintOf === undefined) return 'not-checked';
  try {
    return (await fingerprintOf(sourcePath)) === expected ? 'same' : 'different';
  } catch {
    signal?.throwIfAborted();
    return 'unreadable';
  }
}

function namesOf(files: readonly NeededFile[]): string[] {
  return files.slice(0, MAX_NAMES).map(({ name }) => name);
}

/** Of a path of this or another system. */
function lastPart(path: string): string {
  return basename(path.replaceAll('\\', '/'));
}

/** [N]; undefined for what cannot be reached, whatever the reason. */
async function statAll(paths: readonly string[], signal: AbortSignal | undefined): Promise<(Stats | undefined)[]> {
  const stats: (Stats | undefined)[] = new Array(paths.length).fill(undefined);
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < paths.length) {
      signal?.throwIfAborted();
      const index = next++;
      stats[index] = await stat(paths[index]!).catch(() => undefined);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT_STATS }, lane));
  return stats;
}
