/** The window, where it can open. */
import { spawn } from 'node:child_process';
import { electronBinary, stageDesktop } from '../app/index.ts';

export type DesktopOutcome =
  /** It was opened, and has been closed again. */
  | { readonly exitCode: number }
  /** Why it cannot be opened here. */
  | { readonly absent: string };

export interface DesktopPlace {
  readonly binary: string | undefined;
  readonly platform: NodeJS.Platform;
  readonly environment: NodeJS.ProcessEnv;
}

/** Undefined where the window can open. */
export function whyNoWindow({ binary, platform, environment }: DesktopPlace): string | undefined {
  if (binary === undefined) return 'the Electron binary is not installed; "npx install-electron" fetches it';
  if (platform === 'linux' && !environment.DISPLAY && !environment.WAYLAND_DISPLAY) return 'there is no display';
  return undefined;
}

/** Opens the window and waits until it is closed. @param signal ends it */
export async function openDesktop(
  project: string | undefined,
  signal: AbortSignal,
  place: DesktopPlace = { binary: electronBinary(), platform: process.platform, environment: process.env },
): Promise<DesktopOutcome> {
  const why = whyNoWindow(place);
  if (place.binary === undefined || why !== undefined) return { absent: why ?? '' };
  const folder = await stageDesktop();
  const child = spawn(place.binary, [folder, ...(project === undefined ? [] : [project])], { stdio: 'inherit' });
  const stop = (): void => void child.kill('SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => resolve({ exitCode: code ?? 1 }));
    });
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
