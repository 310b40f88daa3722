/** Settings of this machine and the projects opened last: one JSON file in the user's configuration folder. */
import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { LiftscopeError } from '../../contract/index.ts';

export { cacheFolder, configFolder } from '../user-folders.ts';

const FILE = 'settings.json';
const MAX_FILE_BYTES = 16 << 20;
/** Of one value as JSON. */
export const MAX_VALUE_BYTES = 256 << 10;
const MAX_KEYS = 200;
export const MAX_RECENT = 20;

const recentSchema = z.object({ folder: z.string(), name: z.string(), openedAt: z.number() });
const fileSchema = z.object({
  format: z.literal('liftscope-settings'),
  version: z.literal(1),
  settings: z.record(z.string(), z.json()),
  recent: z.array(recentSchema),
});
type SettingsFile = z.infer<typeof fileSchema>;
export type RecentProject = z.infer<typeof recentSchema>;
type Json = z.core.util.JSONType;

/**
 * Every change is on disk, whole, before its promise resolves: written under another name, synced, renamed. A file that
 * cannot be read is set aside under a name that says so, never overwritten.
 */
export class MachineSettings {
  readonly file: string;
  private readonly folder: string;
  private state: SettingsFile;
  private writing: Promise<void> = Promise.resolve();

  private constructor(folder: string, state: SettingsFile) {
    this.folder = folder;
    this.file = join(folder, FILE);
    this.state = state;
  }

  /** @param onNotice told in words when a damaged file was set aside */
  static async open(folder: string, onNotice: (text: string) => void = () => undefined): Promise<MachineSettings> {
    const file = join(folder, FILE);
    const empty: SettingsFile = { format: 'liftscope-settings', version: 1, settings: {}, recent: [] };
    let problem: string;
    try {
      if ((await stat(file)).size > MAX_FILE_BYTES) problem = 'is too large';
      else {
        const parsed = fileSchema.safeParse(JSON.parse(await readFile(file, 'utf8')));
        if (parsed.success) return new MachineSettings(folder, parsed.data);
        problem = `is not one of this version (${parsed.error.issues[0]?.path.join('.') ?? ''})`;
      }
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
        return new MachineSettings(folder, empty);
      problem =
        error instanceof SyntaxError ? 'is damaged' : `cannot be read (${error instanceof Error ? error.message : ''})`;
    }
    const aside = `${file}.damaged-${new Date().toISOString().replaceAll(/[:.]/g, '-')}`;
    await rename(file, aside).then(
      () => onNotice(`The settings file ${problem}; it was set aside as ${aside}, and the defaults are used.`),
      () => onNotice(`The settings file ${file} ${problem}; the defaults are used.`),
    );
    return new MachineSettings(folder, empty);
  }

  get(key: string): Json | null {
    return Object.hasOwn(this.state.settings, key) ? (this.state.settings[key] ?? null) : null;
  }

  /** @throws LiftscopeError `bad-input` when it is too much */
  async set(key: string, value: Json): Promise<void> {
    if (Buffer.byteLength(JSON.stringify(value)) > MAX_VALUE_BYTES) {
      throw new LiftscopeError({
        code: 'bad-input',
        message: `Setting ${key} is larger than ${MAX_VALUE_BYTES} bytes.`,
      });
    }
    const settings = { ...this.state.settings, [key]: value };
    if (Object.keys(settings).length > MAX_KEYS) {
      throw new LiftscopeError({ code: 'bad-input', message: `There are already ${MAX_KEYS} settings.` });
    }
    await this.change({ ...this.state, settings });
  }

  /** Newest first. */
  get recent(): readonly RecentProject[] {
    return this.state.recent;
  }

  async addRecent(folder: string): Promise<void> {
    const others = this.state.recent.filter((entry) => entry.folder !== folder);
    const name = basename(folder).replace(/\.liftscope$/, '');
    await this.change({
      ...this.state,
      recent: [{ folder, name, openedAt: Date.now() }, ...others].slice(0, MAX_RECENT),
    });
  }

  async forgetRecent(folder: string): Promise<void> {
    await this.change({ ...this.state, recent: this.state.recent.filter((entry) => entry.folder !== folder) });
  }

  /** Resolves when everything that was changed before is on disk. */
  async settled(): Promise<void> {
    await this.writing;
  }

  private async change(next: SettingsFile): Promise<void> {
    this.state = next;
    // Writes follow one another; each writes the newest state, so the last one to finish is the last one asked for.
    const turn = this.writing.then(() => this.write());
    this.writing = turn.catch(() => undefined);
    await turn;
  }

  private async write(): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    const temporary = `${this.file}.${process.pid}-${randomUUID()}.tmp`;
    try {
      const handle = await open(temporary, 'wx', 0o600);
      try {
        await handle.writeFile(`${JSON.stringify(this.state, null, 2)}\n`);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(temporary, this.file);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }
}
