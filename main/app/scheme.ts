/** The scheme `studio://`: the page and everything it asks for, answered inside this process. */
import type { CustomScheme, Protocol, Session } from 'electron';

const SCHEME = 'studio';
/** The only page there is. */
export const PAGE_URL = `${SCHEME}://app/`;

/** To be registered before `ready`. Never `bypassCSP`, never `allowServiceWorkers`. */
export function privilegedSchemes(): CustomScheme[] {
  return [
    {
      scheme: SCHEME,
      privileges: { standard: true, secure: true, supportFetchAPI: true, stream: true, corsEnabled: true },
    },
  ];
}

/** Forwards every request for the page's own host; others get 404. */
export function answerScheme(protocol: Protocol, handle: (request: Request) => Promise<Response>): void {
  protocol.handle(SCHEME, (request) => {
    if (!request.url.startsWith(PAGE_URL)) return new Response('There is nothing here.', { status: 404 });
    return handle(request);
  });
}

/**
 * No permission is ever granted, and no request leaves: what is not our scheme, or was not asked for by our window,
 * is cancelled before it starts. `devtools:` is Electron's own and exists only in development.
 */
export function lockSession(session: Session, windowContents: () => number | undefined): void {
  session.setPermissionRequestHandler((_contents, _permission, answer) => answer(false));
  session.setPermissionCheckHandler(() => false);
  session.setDevicePermissionHandler(() => false);
  session.webRequest.onBeforeRequest((details, answer) => {
    const url = details.url;
    const own = url.startsWith(PAGE_URL) || url.startsWith(`blob:${PAGE_URL}`) || url.startsWith(`blob:${SCHEME}:`);
    const inert = url.startsWith('data:') || url.startsWith('devtools:');
    // Workers of the page have no contents of their own; a foreign one has an id that is not the window's.
    const initiator = details.webContentsId === undefined || details.webContentsId === windowContents();
    answer({ cancel: !((own && initiator) || inert) });
  });
}
