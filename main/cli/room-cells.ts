/**
 * What the benchmarks on generated rooms share: rooms with trained splats, and cells (one room, one recipe) run in worker
 * processes. Both are kept in a folder under their fingerprints, so that a run that was interrupted goes on where it was.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import {
  type BackendChoice,
  type BenchmarkResult,
  LiftscopeError,
  type OrderedEvent,
  SCENE_TRUTH_FILE,
  type WorkerBenchmark,
} from '../../contract/index.ts';
import { generateScene, importIntoProject, runJob, trainProject } from '../jobs/index.ts';
import { openProject } from '../project/index.ts';

type Json = z.core.util.JSONType;

export interface CellContext {
  readonly signal: AbortSignal;
  readonly killSignal: AbortSignal;
  readonly note: (text: string) => void;
  readonly onEvent: (event: OrderedEvent) => void;
  readonly backend?: BackendChoice;
  readonly threads?: number;
}

export interface Room {
  readonly objects: number;
  readonly seed: number;
  /** Folder of the generated capture. */
  readonly capture: string;
  readonly splats: string;
  readonly splatsHash: string;
  readonly psnr: number | null;
  readonly gaussians: number;
  readonly trainSeconds: number;
  /** The generator's own checks: visible objects per image, coverage. */
  readonly checks: Json;
}

/** Changes of how rooms are made, or of what a cell computes, raise these, so that older ones are not taken for new. */
const ROOM_FORMAT = 3;
const CELL_FORMAT = 5;
/** A cell may cluster or train wide fields for minutes between two looks at its messages. */
const CELL_SILENCE_MS = 30 * 60_000;
const VIEWS_AT_25 = 60;
const SIZE_PX = 160;
const GAUSSIANS_AT_25 = 45_000;
const ITERATIONS_AT_25 = 3000;

export type RoomPlan = {
  readonly objects: number;
  readonly views: number;
  /** Pixels of a side. */
  readonly size: number;
  readonly iterations: number;
  readonly maxGaussians: number;
};

/** Everything grows as the number of views does, √(N/25): every view is shown equally often and has as many Gaussians. */
export function roomPlan(objects: number): RoomPlan {
  const growth = Math.sqrt(objects / 25);
  return {
    objects,
    views: Math.max(2, Math.round(VIEWS_AT_25 * growth)),
    size: SIZE_PX,
    iterations: Math.round(ITERATIONS_AT_25 * growth),
    maxGaussians: Math.round(GAUSSIANS_AT_25 * growth),
  };
}

const roomSchema = z.object({
  objects: z.number(),
  seed: z.number(),
  capture: z.string(),
  splats: z.string(),
  splatsHash: z.string(),
  psnr: z.number().nullable(),
  gaussians: z.number(),
  trainSeconds: z.number(),
  checks: z.json(),
});

/** Makes the {@link RoomCells} of a benchmark in a folder that is kept between runs. */
export type CellsIn = (folder: string, context: CellContext) => Cells;
export type Cells = Pick<RoomCells, 'room' | 'cell' | 'cells'>;
export const roomCellsIn: CellsIn = (folder, context) => new RoomCells(folder, context);

export class RoomCells {
  readonly #folder: string;
  readonly #context: CellContext;

  /** @param folder kept between runs */
  constructor(folder: string, context: CellContext) {
    this.#folder = resolve(folder);
    this.#context = context;
  }

  /** A room with trained splats; made when it is not there. @throws LiftscopeError */
  async room(objects: number, seed: number, plan = roomPlan(objects)): Promise<Room> {
    const { signal, killSignal, onEvent, note, backend, threads } = this.#context;
    const key = fingerprint({ ...plan, seed, format: ROOM_FORMAT });
    const folder = join(this.#folder, `room-${objects}-${seed}-${key.slice(0, 12)}`);
    const file = join(folder, 'room.json');
    const kept = await readJson(file, roomSchema);
    if (kept !== undefined && existsSync(kept.splats)) return kept;
    note(`Room of ${objects} objects, seed ${seed}: ${plan.views} views, ${plan.iterations} iterations`);
    await mkdir(folder, { recursive: true });
    const run = { signal, killSignal, onEvent };
    const capture = join(folder, 'scene');
    const generated = join(folder, 'scene.json');
    if (!existsSync(join(capture, SCENE_TRUTH_FILE)) || !existsSync(generated)) {
      await rm(capture, { recursive: true, force: true });
      const scene = await generateScene({
        ...{ scene: 'messy-rooms', seed, objects, views: plan.views, size: plan.size, outputDir: capture },
        ...(threads !== undefined && { threads }),
        ...run,
      });
      await writeJson(generated, scene.capture?.checks ?? null);
    }
    const projectFolder = join(folder, 'project');
    await rm(projectFolder, { recursive: true, force: true });
    await importIntoProject(capture, { projectFolder, signal });
    using project = await openProject(projectFolder);
    const { result } = await trainProject(project, {
      parameters: { iterations: plan.iterations, maxGaussians: plan.maxGaussians, seed },
      evaluateEvery: 0,
      ...(backend !== undefined && { backend }),
      ...(threads !== undefined && { threads }),
      ...run,
    });
    const room: Room = {
      ...{ objects, seed, capture, splats: result.splatsPath, splatsHash: result.splatsHash },
      ...{ psnr: result.psnr, gaussians: result.gaussians, trainSeconds: result.seconds },
      checks: (await readJson(generated, z.json())) ?? null,
    };
    await writeJson(file, room);
    return room;
  }

  /** The cell's document, computed when it is not there. @throws LiftscopeError */
  async cell<T extends z.ZodType>(
    name: WorkerBenchmark,
    room: Room,
    given: Readonly<Record<string, Json>>,
    schema: T,
  ): Promise<z.infer<T>> {
    const file = this.#fileOf(name, room, given);
    const kept = await readJson(file, schema);
    if (kept !== undefined) return kept;
    const document = await this.#run(name, room, given);
    const parsed = expected(name, document, schema);
    await writeJson(file, document);
    return parsed;
  }

  /**
   * Cells of one room that share what is made before they differ: those that are not there are computed by one worker, which gets them
   * as `cells` and answers with as many under the same name.
   * @throws LiftscopeError
   */
  async cells<T extends z.ZodType>(
    name: WorkerBenchmark,
    room: Room,
    shared: Readonly<Record<string, Json>>,
    given: readonly Readonly<Record<string, Json>>[],
    schema: T,
  ): Promise<z.infer<T>[]> {
    const files = given.map((own) => this.#fileOf(name, room, { ...shared, ...own }));
    const found: (z.infer<T> | undefined)[] = [];
    for (const file of files) found.push(await readJson(file, schema));
    const missing = [...given.keys()].filter((i) => found[i] === undefined);
    if (missing.length > 0) {
      const document = await this.#run(name, room, { ...shared, cells: missing.map((i) => ({ ...given[i]! })) });
      const { cells } = expected(name, document, z.object({ cells: z.array(z.json()).length(missing.length) }));
      for (const [k, i] of missing.entries()) {
        found[i] = expected(name, cells[k], schema);
        await writeJson(files[i]!, cells[k]);
      }
    }
    return found as z.infer<T>[];
  }

  #fileOf(name: WorkerBenchmark, room: Room, given: Readonly<Record<string, Json>>): string {
    const key = fingerprint({ name, given, seed: room.seed, splats: room.splatsHash, format: CELL_FORMAT });
    return join(this.#folder, 'cells', `${key}.json`);
  }

  #run(name: WorkerBenchmark, room: Room, given: Readonly<Record<string, Json>>): Promise<BenchmarkResult> {
    const { signal, killSignal, onEvent, note, backend, threads } = this.#context;
    note(`${name}: ${room.objects} objects, seed ${room.seed}: ${JSON.stringify(given)}`);
    return runJob(
      'bench',
      {
        name,
        seed: room.seed,
        ...(backend !== undefined && { backend }),
        ...(threads !== undefined && { threads }),
        arguments: { capture: room.capture, splats: room.splats, ...given },
      },
      { signal, killSignal, silenceMs: CELL_SILENCE_MS, onEvent },
    );
  }
}

function expected<T extends z.ZodType>(name: WorkerBenchmark, document: unknown, schema: T): z.infer<T> {
  const parsed = schema.safeParse(document);
  if (parsed.success) return parsed.data;
  throw new LiftscopeError({
    code: 'internal',
    message: `A cell of ${name} gave an unexpected document: ${z.prettifyError(parsed.error)}`,
  });
}

function fingerprint(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}

async function readJson<T extends z.ZodType>(file: string, schema: T): Promise<z.infer<T> | undefined> {
  try {
    const parsed = schema.safeParse(JSON.parse(await readFile(file, 'utf8')));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

async function writeJson(file: string, value: unknown): Promise<void> {
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(`${file}.partial`, JSON.stringify(value, undefined, 1));
  await rename(`${file}.partial`, file);
}

export interface Spread {
  readonly mean: number;
  /** Sample standard deviation; null for a single value. */
  readonly deviation: number | null;
}

export function spreadOf(values: readonly number[]): Spread | null {
  if (values.length === 0) return null;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const square = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: values.length < 2 ? null : Math.sqrt(square / (values.length - 1)) };
}
