/**
 * Golden values: outputs and gradients computed elsewhere, in float64, that every implementation must reproduce.
 * They are read from the folder LIFTSCOPE_GOLDEN names (default: `golden` in the folder `shared` beside the project).
 * A few small cases of our own are always there, so that the tests run on machines without that folder.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type SplatCase, splatCaseSchema } from './schema.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
export const OWN_CASES_FOLDER = fileURLToPath(new URL('./fixtures/', import.meta.url));

/** Largest file that is read as a case. */
const MAX_FILE_BYTES = 64 * 2 ** 20;

export interface GoldenFolder {
  readonly path: string;
  /** True when LIFTSCOPE_GOLDEN names it; such a folder must hold cases. */
  readonly named: boolean;
  readonly exists: boolean;
}

export interface NamedSplatCase {
  /** For test titles: the file name, `own/` before the project's cases. */
  readonly name: string;
  readonly golden: SplatCase;
}

export class GoldenError extends Error {
  override readonly name = 'GoldenError';
}

/** Which folder holds the golden values. @param variable the value of LIFTSCOPE_GOLDEN. */
export function goldenFolder(variable: string | undefined = process.env.LIFTSCOPE_GOLDEN): GoldenFolder {
  const named = variable !== undefined && variable !== '';
  const path = resolve(ROOT, named ? variable : '../shared/golden');
  return { path, named, exists: existsSync(path) };
}

/** Path of one golden file, or undefined when the folder does not hold it, so that its test can be skipped by name. */
export function goldenFile(name: string, folder: GoldenFolder = goldenFolder()): string | undefined {
  const path = join(folder.path, name);
  return existsSync(path) ? path : undefined;
}

/** Paths of the splat cases of a folder, in the order of their names. */
export function splatCaseFiles(folder: GoldenFolder): string[] {
  const path = join(folder.path, 'splat');
  return folder.exists && existsSync(path) ? caseFiles(path) : [];
}

/**
 * Every splat case: those of the golden folder, then our own.
 *
 * @throws GoldenError when a named folder holds no case, or a file is not a case (naming file and field).
 */
export function loadSplatCases(folder: GoldenFolder = goldenFolder()): NamedSplatCase[] {
  const files = splatCaseFiles(folder);
  if (folder.named && files.length === 0) throw new GoldenError(noCasesMessage(folder));
  const cases = files.map((file) => ({ name: file.slice(file.lastIndexOf('splat_')), golden: readSplatCase(file) }));
  return [...cases, ...loadOwnSplatCases()];
}

/** The project's own small cases. */
export function loadOwnSplatCases(): NamedSplatCase[] {
  const files = caseFiles(OWN_CASES_FOLDER);
  if (files.length === 0) throw new GoldenError(`${OWN_CASES_FOLDER} holds no case: run golden/make.ts.`);
  return files.map((file) => ({
    name: `own/${file.slice(file.lastIndexOf('splat_'))}`,
    golden: readSplatCase(file),
  }));
}

export function noCasesMessage(folder: GoldenFolder): string {
  return (
    `LIFTSCOPE_GOLDEN names ${folder.path}, which ${folder.exists ? 'holds no splat/splat_*.json' : 'does not exist'}. ` +
    "Name a folder of golden values, or unset the variable to test with the project's own cases."
  );
}

/** @throws GoldenError naming the file and the field. */
export function readSplatCase(file: string): SplatCase {
  const { size } = statSync(file);
  if (size > MAX_FILE_BYTES) throw new GoldenError(`${file}: ${size} bytes, more than a case may have`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new GoldenError(`${file}: not JSON (${error instanceof Error ? error.message : String(error)})`);
  }
  const result = splatCaseSchema.safeParse(parsed);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new GoldenError(`${file}: field ${issue.path.join('.') || '(whole file)'}: ${issue.message}`);
}

function caseFiles(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => /^splat_.*\.json$/.test(name))
    .sort()
    .map((name) => join(folder, name));
}
