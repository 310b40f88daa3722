/** The window, where it can open. */

export type DesktopOutcome =
  /** It was opened, and has been closed again. */
  | { readonly exitCode: number }
  /** Why it cannot be opened here. */
  | { readonly absent: string };

export async function openDesktop(_project: string | undefined, _signal: AbortSignal): Promise<DesktopOutcome> {
  return { absent: 'the Electron binary is not installed' };
}
