import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { type Failure, failureSchema, LiftscopeError } from '../../../contract/index.ts';
import { unpacked } from '../../unpacked.ts';

/** Always the TypeScript source: it runs on the Node binary that is shipped. */
const ENTRY = unpacked(fileURLToPath(new URL('./process.ts', import.meta.url)));
/** A million photos on a slow disk take minutes; a hang is longer. */
const TIMEOUT_MS = 600_000;
/** Previews whose photos can still be shown. */
const KEPT = 4;

const answerSchema = z.union([
  z.object({
    /** `ImportPreview`. */
    json: z.string(),
    images: z.array(z.object({ name: z.string(), path: z.string(), orient: z.boolean() })),
  }),
  z.object({ failure: failureSchema }),
]);

type PreviewAnswer = Extract<z.infer<typeof answerSchema>, { json: string }>;

interface KnownPhoto {
  readonly path: string;
  readonly orient: boolean;
}

/** Looks at captures, each in a process of its own, and remembers where the photos of the last few are. */
export class PreviewReader {
  private readonly nodePath: string;
  private readonly photos = new Map<string, ReadonlyMap<string, KnownPhoto>>();
  private readonly children = new Set<ChildProcess>();

  /** @param nodePath the Node binary; the desktop, whose own binary is Electron's, passes the one it ships */
  constructor(nodePath: string = process.execPath) {
    this.nodePath = nodePath;
  }

  /**
   * `ImportPreview` as JSON.
   * @param path real path
   * @throws LiftscopeError what the importer has against the capture; `cancelled` when a later preview replaced this one
   */
  async read(path: string): Promise<string> {
    // Only the newest matters: people click through folders faster than large captures are read.
    this.stop();
    const { json, images } = await this.run(path);
    const table = new Map(images.map(({ name, path: file, orient }) => [name, { path: file, orient }]));
    this.photos.delete(path);
    this.photos.set(path, table);
    if (this.photos.size > KEPT)
      for (const oldest of [...this.photos.keys()].slice(0, -KEPT)) this.photos.delete(oldest);
    return json;
  }

  /** @throws LiftscopeError `not-found` unless the capture was previewed and has the frame */
  photo(path: string, frame: string): KnownPhoto {
    const photo = this.photos.get(path)?.get(frame);
    if (photo !== undefined) return photo;
    throw new LiftscopeError({
      code: 'not-found',
      message: 'This photo belongs to no capture that is being previewed.',
    });
  }

  stop(): void {
    for (const child of this.children) child.kill('SIGKILL');
  }

  private run(path: string): Promise<PreviewAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<PreviewAnswer>();
    const child = fork(ENTRY, [], {
      execPath: this.nodePath,
      execArgv: [],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.children.add(child);
    const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS);
    child.once('message', (raw) => {
      const parsed = answerSchema.safeParse(raw);
      if (!parsed.success) reject(new LiftscopeError({ code: 'protocol', message: 'The preview was not understood.' }));
      else if ('failure' in parsed.data) reject(new LiftscopeError(parsed.data.failure as Failure));
      else resolve(parsed.data);
    });
    child.once('error', (error) => reject(error));
    child.once('close', (_code, signal) => {
      clearTimeout(timer);
      this.children.delete(child);
      reject(
        signal === 'SIGKILL' || signal === 'SIGTERM'
          ? new LiftscopeError({ code: 'cancelled', message: `Looking at ${path} was stopped.` })
          : new LiftscopeError({ code: 'crashed', message: `Looking at ${path} ended unexpectedly.` }),
      );
    });
    child.send({ path });
    return promise;
  }
}
