import { LiftscopeError } from '../../contract/index.ts';
import type { Confinement } from './confinement.ts';
import type { EventHub } from './events.ts';
import type { MembershipFileCache } from './object-looks.ts';
import type { ViewsPort } from './ports.ts';
import type { PreviewReader } from './preview/index.ts';
import type { Session } from './session.ts';
import type { MachineSettings } from './settings.ts';
import type { ThumbnailCache } from './thumbnails.ts';

export interface HostOptions {
  readonly version: string;
  /** Folder of the machine's settings; see `configFolder`. */
  readonly configFolder: string;
  /** Folder for what can be made again; see `cacheFolder`. */
  readonly cacheFolder: string;
  /** Folders that the folder browser shows and paths may name. Empty in the desktop, whose dialogs call `Host.grant`. */
  readonly roots: readonly string[];
  /** Folder of the built page. Absent: only `/api` and `/data` are answered. */
  readonly pageFolder?: string;
  /** Node binary of the workers; the desktop passes the one it ships. */
  readonly nodePath?: string;
  readonly backend?: 'auto' | 'wasm' | 'webgpu';
  /** Threads of the wasm backend; 0 takes one per core. */
  readonly threads?: number;
}

/** What procedures and routes work with. */
export interface HostContext {
  readonly options: HostOptions;
  readonly confinement: Confinement;
  readonly events: EventHub;
  readonly settings: MachineSettings;
  readonly previews: PreviewReader;
  readonly thumbnails: ThumbnailCache;
  readonly views: ViewsPort;
  readonly memberships: MembershipFileCache;
  readonly current: Session | undefined;
  /** Closes the open project, if any, and opens this one. @param folder a real path that may be used */
  open(folder: string, create: boolean): Promise<Session>;
  closeProject(): Promise<void>;
}

/** @throws LiftscopeError `not-found` when no project is open */
export function sessionOf(host: HostContext): Session {
  if (host.current !== undefined) return host.current;
  throw new LiftscopeError({ code: 'not-found', message: 'No project is open.', hint: 'Open or create one first.' });
}
