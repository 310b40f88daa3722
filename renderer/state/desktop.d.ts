import type { DesktopCapability } from '../../contract/index.ts';

declare global {
  /** What the desktop shell adds; absent in a browser. */
  var liftscopeDesktop: DesktopCapability | undefined;
}
