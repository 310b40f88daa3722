/** What the view process is told about objects: a file of who belongs where, and what is hidden, coloured and selected. */
import { createHash } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ViewImageRequest } from '../../contract/index.ts';
import type { Membership } from '../instances/index.ts';
import type { ViewRenderInput } from '../jobs/index.ts';
import type { SplatsRow } from '../project/index.ts';
import { colorOf } from './colours.ts';
import type { Session } from './session.ts';

type ObjectOptions = NonNullable<ViewImageRequest['objects']>;
type ViewObjectsInput = NonNullable<ViewRenderInput['objects']>;

/** Files that stay; 8 bytes a Gaussian each. */
const KEPT_FILES = 16;

/** Files named by what they hold: u32 [N] objects, f32 [N] confidences. */
export class MembershipFileCache {
  private readonly folder: string;
  private readonly making = new Map<string, Promise<string>>();

  constructor(folder: string) {
    this.folder = folder;
  }

  async path(membership: Membership): Promise<string> {
    const name = `${createHash('sha256').update(membership.key).digest('hex')}.ids`;
    let path = this.making.get(name);
    if (path === undefined) {
      path = this.make(join(this.folder, name), membership).finally(() => this.making.delete(name));
      this.making.set(name, path);
    }
    return path;
  }

  private async make(path: string, { ids, confidence }: Membership): Promise<string> {
    const now = new Date();
    if ((await stat(path).catch(() => undefined))?.size === 8 * ids.length) {
      await utimes(path, now, now).catch(() => undefined);
      return path;
    }
    await mkdir(this.folder, { recursive: true });
    const bytes = new Uint8Array(8 * ids.length);
    bytes.set(new Uint8Array(ids.buffer));
    bytes.set(new Uint8Array(confidence.buffer), 4 * ids.length);
    const temporary = `${path}.${process.pid}.partial`;
    await writeFile(temporary, bytes);
    await rename(temporary, path);
    await this.prune();
    return path;
  }

  private async prune(): Promise<void> {
    const names = (await readdir(this.folder)).filter((name) => name.endsWith('.ids'));
    const files = await Promise.all(
      names.map(async (name) => {
        const file = join(this.folder, name);
        return { file, at: (await stat(file).catch(() => undefined))?.mtimeMs ?? 0 };
      }),
    );
    for (const { file } of files.sort((a, b) => b.at - a.at).slice(KEPT_FILES)) await rm(file, { force: true });
  }
}

/** For the view process; undefined for a model that nothing was lifted on. @throws LiftscopeError */
export async function objectLook(
  files: MembershipFileCache,
  session: Session,
  splats: SplatsRow,
  options: ObjectOptions,
): Promise<ViewObjectsInput | undefined> {
  const membership = await session.memberships.of(splats.id);
  if (membership === undefined) return undefined;
  const objects = splats.captureId === null ? [] : session.project.objects.list(splats.captureId);
  return {
    idsPath: await files.path(membership),
    hidden: objects.filter(({ hidden }) => hidden).map(({ id }) => id),
    ...(options.only !== undefined && { only: options.only }),
    colours: objects.map(({ id, colour }) => [id, colorOf(colour)]),
    tint: options.tint,
    selected: options.selected,
  };
}
