/** Where the window was, kept from one start to the next. A convenience: whatever is wrong with it is ignored. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BrowserWindow, Rectangle, Screen } from 'electron';
import { z } from 'zod';

const stateSchema = z.object({
  x: z.int(),
  y: z.int(),
  width: z.int().min(400).max(20_000),
  height: z.int().min(300).max(20_000),
  maximised: z.boolean(),
});

interface WindowState {
  readonly bounds: { readonly width: number; readonly height: number; readonly x?: number; readonly y?: number };
  readonly maximised: boolean;
}

const DEFAULT: WindowState = { bounds: { width: 1440, height: 900 }, maximised: false };
/** After the last change, before it is written. */
const SETTLE_MS = 500;

function fileIn(configFolder: string): string {
  return join(configFolder, 'window.json');
}

export function readWindowState(configFolder: string, screen: Pick<Screen, 'getAllDisplays'>): WindowState {
  try {
    const { maximised, ...bounds } = stateSchema.parse(JSON.parse(readFileSync(fileIn(configFolder), 'utf8')));
    // The display it was on may be gone: keep the size, let the system place it.
    const seen = screen.getAllDisplays().some((display) => overlaps(display.workArea, bounds));
    return { bounds: seen ? bounds : { width: bounds.width, height: bounds.height }, maximised };
  } catch {
    return DEFAULT;
  }
}

/** Whether enough of the title bar can be reached to drag the window. */
function overlaps(area: Rectangle, window: Rectangle): boolean {
  const across = Math.min(area.x + area.width, window.x + window.width) - Math.max(area.x, window.x);
  return across >= 100 && window.y >= area.y - 10 && window.y <= area.y + area.height - 50;
}

export function keepWindowState(window: BrowserWindow, configFolder: string): void {
  let timer: NodeJS.Timeout | undefined;
  const write = (): void => {
    clearTimeout(timer);
    if (window.isDestroyed() || window.isMinimized() || window.isFullScreen()) return;
    const state = { ...window.getNormalBounds(), maximised: window.isMaximized() };
    try {
      mkdirSync(configFolder, { recursive: true });
      const temporary = `${fileIn(configFolder)}.new`;
      writeFileSync(temporary, JSON.stringify(state));
      renameSync(temporary, fileIn(configFolder));
    } catch {
      // Only the window's place is lost.
    }
  };
  const later = (): void => {
    clearTimeout(timer);
    timer = setTimeout(write, SETTLE_MS);
  };
  window.on('resize', later);
  window.on('move', later);
  window.on('maximize', later);
  window.on('unmaximize', later);
  window.on('close', write);
}
