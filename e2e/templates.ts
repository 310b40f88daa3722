/** What takes long to make and is only read: made once per run by the command line, copied by whoever needs it. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { OBSERVATION_STATES, type StudioRecord } from '../contract/index.ts';
import { openProject } from '../main/project/index.ts';
import { FOX, PROGRAM, runFolder } from './environment.ts';

const run = promisify(execFile);

/** One verb of the command line. */
async function liftscope(...argv: string[]): Promise<void> {
  await run(process.execPath, [join(PROGRAM, 'main/liftscope.mjs'), ...argv], { cwd: PROGRAM, maxBuffer: 16 << 20 });
}

/** Makes `name` of the run folder unless it is there. A half-made one never has that name. */
async function once(name: string, make: (path: string) => Promise<void>): Promise<string> {
  const path = join(runFolder(), name);
  if (existsSync(path)) return path;
  const unfinished = join(runFolder(), `unfinished-${process.pid}-${name}`);
  await make(unfinished);
  await rename(unfinished, path);
  return path;
}

export const ROOM_VIEWS = 16;

/** A generated room: photos with poses, points and masks. */
export function roomCapture(): Promise<string> {
  const size = ['--objects', '8', '--views', String(ROOM_VIEWS), '--size', '128'];
  return once('room', (path) => liftscope('scene', 'messy-rooms', '--out', path, ...size));
}

/** The capture that specs import: the fox where its photos are, else the room. */
export async function capture(): Promise<{ readonly path: string; readonly name: string; readonly frames: number }> {
  return FOX === undefined
    ? { path: await roomCapture(), name: 'room', frames: ROOM_VIEWS }
    : { path: FOX, name: 'fox-quarter', frames: 50 };
}

function trainedProject(): Promise<string> {
  return once('trained.liftscope', async (path) => {
    await liftscope('import', await roomCapture(), '--project', path);
    await liftscope('train', path, '--iterations', '400', '--max-gaussians', '9000');
  });
}

/** A project of the room with a trained model, masks and objects, closed. Copy it before opening it. */
export function roomProject(): Promise<string> {
  return once('annotated.liftscope', async (path) => {
    await cp(await trainedProject(), path, { recursive: true });
    const truth = join(await roomCapture(), 'truth');
    await liftscope('masks', 'import', path, join(truth, 'instance'), '--name', 'truth', '--consistent');
    await writeObjects(path, truth);
  });
}

const objectsFile = z.array(z.object({ id: z.int(), category: z.string(), words: z.array(z.string()).min(1) }));
const tracksFile = z.object({
  tracks: z.array(
    z.object({
      objectId: z.int(),
      states: z.array(z.object({ from: z.int(), to: z.int(), state: z.enum(OBSERVATION_STATES) })),
    }),
  ),
});

/** The objects of a generated scene as records of a project, with what the scene knows of where they are seen. */
async function writeObjects(path: string, truth: string): Promise<void> {
  const read = async (name: string): Promise<unknown> => JSON.parse(await readFile(join(truth, name), 'utf8'));
  const objects = objectsFile.parse(await read('objects.json'));
  const { tracks } = tracksFile.parse(await read('tracks.json'));
  const project = await openProject(path);
  try {
    const captureId = project.captures.list()[0]?.id as number;
    const [firstObject, firstTrack] = [
      project.newIds('object', objects.length),
      project.newIds('track', objects.length),
    ];
    const common = { captureId, locked: false, provenance: 'model' } as const;
    const put: StudioRecord[] = objects.flatMap(({ id, category, words }, i): StudioRecord[] => {
      const objectId = firstObject + i;
      const name = words.at(-2) ?? category;
      return [
        { ...common, type: 'object', id: objectId, name, className: category, colour: i, hidden: false },
        { ...common, type: 'track', id: firstTrack + i, objectId, sourceId: `truth:${id}` },
      ];
    });
    project.jobRecords.write({ put });
    const seen = tracks.flatMap(({ objectId, states }) => {
      const trackId = firstTrack + objects.findIndex(({ id }) => id === objectId);
      return states.flatMap(({ from, to, state }) =>
        Array.from({ length: to - from + 1 }, (_, i) => ({ trackId, position: from + i, state })),
      );
    });
    project.jobRecords.writeObservations(
      captureId,
      {
        trackId: seen.map(({ trackId }) => trackId),
        position: seen.map(({ position }) => position),
        state: seen.map(({ state }) => OBSERVATION_STATES.indexOf(state)),
        disagreement: seen.map(({ position }, i) => ((i * 7 + position) % 10) / 10),
        flags: seen.map(() => 0),
      },
      { provenance: 'model' },
    );
  } finally {
    project.close();
  }
}
