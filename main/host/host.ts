/**
 * The host of the studio behind one function of a request. It knows nothing of sockets, windows or Electron: a shell
 * mounts {@link Host.handle} and decides who may call it.
 */
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { Hono } from 'hono';
import {
  LiftscopeError,
  type ProcedureInput,
  type ProcedureName,
  type ProcedureOutput,
  type ProcedureParsedInput,
  procedures,
} from '../../contract/index.ts';
import { failureOf } from '../failures.ts';
import { Confinement } from './confinement.ts';
import type { HostContext, HostOptions } from './context.ts';
import { EventHub } from './events.ts';
import { failureResponse, readJsonBody, secured } from './http.ts';
import { MembershipFileCache } from './object-looks.ts';
import { type HostParts, realParts, type ViewsPort } from './ports.ts';
import { PreviewReader } from './preview/index.ts';
import { type Handlers, JsonText, procedureHandlers } from './procedures/index.ts';
import { mountCaptures, mountPage, mountSplats } from './routes/index.ts';
import { openSession, type Session } from './session.ts';
import { MachineSettings } from './settings.ts';
import { ThumbnailCache } from './thumbnails.ts';

export interface Host {
  /** Answers every request; never rejects. */
  handle(request: Request): Promise<Response>;
  /** The user chose this path in a native dialog: it, and what it holds, may be used from now on. */
  grant(path: string): void;
  /** For a project named at start or in the file manager: the user's own choice, so it is granted. */
  openProject(folder: string): Promise<void>;
  /** Stops jobs (trainings write a checkpoint), closes the project, ends every stream. */
  close(): Promise<void>;
}

export async function createHost(options: HostOptions, parts: HostParts = realParts): Promise<Host> {
  const events = new EventHub();
  // What happened before anybody listened is told to the first who does.
  const early: string[] = [];
  const settings = await MachineSettings.open(options.configFolder, (text) => early.push(text));
  const context = new HostState(options, parts, events, settings);
  const app = new Hono();
  const handlers = procedureHandlers(context);
  app.post('/api/:name', (c) => callProcedure(handlers, c.req.param('name'), c.req.raw));
  app.get('/api/events', (c) => {
    const answer = eventStream(events, c.req.raw);
    for (const text of early.splice(0)) events.emit({ type: 'notice', level: 'warning', text });
    return answer;
  });
  mountCaptures(app, context);
  mountSplats(app, context);
  if (options.pageFolder !== undefined) mountPage(app, options.pageFolder);
  app.notFound((c) =>
    failureResponse(
      new LiftscopeError({ code: 'not-found', message: `There is nothing at ${c.req.method} ${c.req.path}.` }),
    ),
  );
  app.onError((error) => failureResponse(error));

  return {
    handle: async (request) => {
      try {
        if (request.method !== 'HEAD') return secured(await app.fetch(request));
        // Hono would drop the body of a GET without ending it, and with it an open file.
        const answer = await app.fetch(new Request(request.url, { headers: request.headers }));
        await answer.body?.cancel();
        return secured(new Response(null, { status: answer.status, headers: answer.headers }));
      } catch (error) {
        return secured(failureResponse(error));
      }
    },
    grant: (path) => context.confinement.grant(path),
    openProject: async (folder) => {
      const real = await realpath(folder).catch(() => folder);
      context.confinement.grant(real);
      try {
        await context.open(real, false);
      } catch (error) {
        const { message, hint } = failureOf(error);
        early.push(hint === undefined ? message : `${message} ${hint}`);
        throw error;
      }
    },
    close: () => context.close(),
  };
}

class HostState implements HostContext {
  readonly options: HostOptions;
  readonly confinement: Confinement;
  readonly events: EventHub;
  readonly settings: MachineSettings;
  readonly previews: PreviewReader;
  readonly thumbnails: ThumbnailCache;
  readonly views: ViewsPort;
  readonly memberships: MembershipFileCache;
  current: Session | undefined;
  private readonly parts: HostParts;
  /** Opening and closing happen one after another. */
  private turn: Promise<unknown> = Promise.resolve();

  constructor(options: HostOptions, parts: HostParts, events: EventHub, settings: MachineSettings) {
    this.options = options;
    this.parts = parts;
    this.events = events;
    this.settings = settings;
    this.confinement = new Confinement(options.roots);
    this.previews = new PreviewReader(options.nodePath);
    this.thumbnails = new ThumbnailCache(join(options.cacheFolder, 'thumbnails'));
    this.memberships = new MembershipFileCache(join(options.cacheFolder, 'objects'));
    this.views = parts.openViews({
      ...(options.backend !== undefined && { backend: options.backend }),
      ...(options.threads !== undefined && { threads: options.threads }),
      ...(options.nodePath !== undefined && { nodePath: options.nodePath }),
      onNotice: (level, text) => events.emit({ type: 'notice', level, text }),
    });
  }

  open(folder: string, create: boolean): Promise<Session> {
    return this.inTurn(async () => {
      if (this.current?.project.folder === folder) return this.current;
      // The new one is proven before the old one is let go.
      const session = await openSession(folder, create, this.events, this.parts, this.options);
      await this.end();
      this.current = session;
      await this.settings.addRecent(folder).catch((error: unknown) =>
        this.events.emit({
          type: 'notice',
          level: 'warning',
          text: `The list of recent projects was not written: ${failureOf(error).message}`,
        }),
      );
      this.events.emit({ type: 'project-changed', project: session.state() });
      return session;
    });
  }

  closeProject(): Promise<void> {
    return this.inTurn(async () => {
      if (this.current === undefined) return;
      await this.end();
      this.events.emit({ type: 'project-changed', project: null });
    });
  }

  async close(): Promise<void> {
    this.previews.stop();
    await this.inTurn(() => this.end());
    await this.views.dispose();
    await this.settings.settled();
    this.events.close();
  }

  private async end(): Promise<void> {
    const session = this.current;
    this.current = undefined;
    await session?.close();
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.turn.then(work);
    this.turn = turn.catch(() => undefined);
    return turn;
  }
}

async function callProcedure(handlers: Handlers, name: string, request: Request): Promise<Response> {
  if (!Object.hasOwn(procedures, name)) {
    return failureResponse(
      new LiftscopeError({ code: 'not-found', message: `There is no procedure ${name.slice(0, 100)}.` }),
    );
  }
  const body = await readJsonBody(request);
  if ('refused' in body) return body.refused;
  try {
    const answer = await runProcedure(handlers, name as ProcedureName, body.value, request.signal);
    if (answer instanceof JsonText) {
      return new Response(answer.text, { headers: { 'content-type': 'application/json' } });
    }
    return Response.json(answer);
  } catch (error) {
    return failureResponse(error);
  }
}

function runProcedure<N extends ProcedureName>(
  handlers: Handlers,
  name: N,
  body: unknown,
  signal: AbortSignal,
): Promise<ProcedureOutput<N> | JsonText> {
  const parsed = procedures[name].input.safeParse(body satisfies unknown as ProcedureInput<N>);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new LiftscopeError({
      code: 'bad-input',
      message: `${name}: ${issue?.path.join('.') || 'input'}: ${issue?.message ?? 'not valid'}`,
    });
  }
  return Promise.resolve(handlers[name](parsed.data as ProcedureParsedInput<N>, signal));
}

function eventStream(events: EventHub, request: Request): Response {
  const query = new URL(request.url).searchParams;
  const epoch = query.get('epoch');
  const after = Number(query.get('after') ?? 0);
  const from = epoch === null ? undefined : { epoch, after: Number.isSafeInteger(after) && after >= 0 ? after : -1 };
  return new Response(events.stream(from), {
    headers: { 'content-type': 'application/x-ndjson; charset=utf-8', 'cache-control': 'no-store' },
  });
}
