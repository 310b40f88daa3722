/** Which models there are, whether they are what their manifests say, and how one is added. */
import { randomUUID } from 'node:crypto';
import { cp, lstat, mkdir, open, readdir, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import {
  LiftscopeError,
  type ModelFolders,
  type ModelKind,
  type ModelKindInfo,
  type ModelStatement,
  type ModelSummary,
  type ModelsRequest,
  type ModelsResult,
  maxModelNameLength,
  modelKindSchema,
  modelKinds,
} from '../../contract/index.ts';
import { type DescribedModel, KINDS, kindByLayout, pathsOf, wholeManifest } from './kinds.ts';
import {
  badManifest,
  MANIFEST,
  type ManifestHead,
  type ModelFile,
  type PlainFile,
  readManifestJson,
} from './manifest.ts';
import { MAX_MODEL_FILE_BYTES, openVerified, verifyFile } from './onnx.ts';

/** More are not listed, and counted. */
const MAX_MODELS = 500;
/** Folders of models that are being added, under a name that is no model's. */
const ADDING = '.adding-';
const MAX_TEXT = 2000;

/** The job `models`. @throws LiftscopeError */
export async function manageModels(request: ModelsRequest, signal: AbortSignal): Promise<ModelsResult> {
  const { folders, action, threads } = request;
  switch (action.kind) {
    case 'list':
      return listModels(folders);
    case 'check':
      return checkModels(folders, action.ids, threads, signal);
    case 'add': {
      const id = await addModel(folders, action, threads, signal);
      const listed = await listModels(folders);
      // It has just been checked; its figures go with the answer.
      const models = listed.models.map((model) =>
        model.id === id.id && model.from === 'user' ? { ...model, state: 'ok' as const, detail: id.detail } : model,
      );
      return { ...listed, models };
    }
    default:
      return action satisfies never;
  }
}

/** Every model by its manifest or layout, shipped ones first; nothing is hashed or run. */
export async function listModels(folders: ModelFolders): Promise<ModelsResult> {
  const models: ModelSummary[] = [];
  let leftOut = 0;
  for (const from of ['shipped', 'user'] as const) {
    const entries = await readdir(folders[from], { withFileTypes: true }).catch(() => []);
    for (const { name } of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const folder = join(folders[from], name);
      if (name.startsWith('.') || (await stat(folder).catch(() => undefined))?.isDirectory() !== true) continue;
      if (models.length >= MAX_MODELS) {
        leftOut++;
        continue;
      }
      const summary = await summarise(folder, from);
      if (summary !== undefined) models.push(summary);
    }
  }
  return { folders, kinds: kindsOf(models), models, leftOut };
}

/** {@link listModels} after every hash and one forward pass of the chosen ones. @param ids names or folders; absent: all */
async function checkModels(
  folders: ModelFolders,
  ids: readonly string[] | undefined,
  threads: number,
  signal: AbortSignal,
): Promise<ModelsResult> {
  const listed = await listModels(folders);
  for (const id of ids ?? []) {
    if (listed.models.some((model) => model.id === id || model.folder === id)) continue;
    throw new LiftscopeError({
      code: 'not-found',
      message: `There is no model named "${id}".`,
      hint:
        listed.models.length === 0
          ? `Put one into ${folders.user}.`
          : `Installed: ${listed.models
              .map((model) => model.id)
              .join(', ')
              .slice(0, MAX_TEXT)}.`,
    });
  }
  const models: ModelSummary[] = [];
  for (const model of listed.models) {
    signal.throwIfAborted();
    const wanted = ids === undefined || ids.includes(model.id) || ids.includes(model.folder);
    models.push(wanted && model.state !== 'broken' ? await checked(model, threads) : model);
  }
  return { ...listed, models, kinds: kindsOf(models) };
}

async function checked(model: ModelSummary, threads: number): Promise<ModelSummary> {
  try {
    const described = await KINDS[model.kind!].describe(model.folder);
    for (const file of [...described.graphs, ...described.files]) await verifyFile(model.folder, file);
    const detail = await KINDS[model.kind!].check(model.folder, threads);
    const stated = [...described.graphs, ...described.files].every(({ sha256 }) => sha256 !== undefined);
    return { ...model, state: stated ? 'ok' : 'unverified', detail };
  } catch (error) {
    return { ...model, ...failureOf(error) };
  }
}

/** Undefined for a folder that holds no model at all. */
async function summarise(folder: string, from: ModelSummary['from']): Promise<ModelSummary | undefined> {
  const id = basename(folder).slice(0, maxModelNameLength);
  const unknown = { id, name: id, kind: null, from, folder, source: '', licence: '', sizeBytes: 0 };
  let kind: ModelKind | undefined;
  try {
    kind = await kindOf(folder);
    if (kind === undefined) {
      if (!(await holdsOnnx(folder))) return undefined;
      throw badManifest(join(folder, MANIFEST), 'does not exist, and the files are in no layout that is known');
    }
    const described = await KINDS[kind].describe(folder);
    const { name, source, licence } = described.head;
    let sizeBytes = 0;
    for (const path of pathsOf(folder, described)) sizeBytes += await sizeOf(path);
    return { ...{ id, name, kind, from, folder, source, licence, sizeBytes }, state: 'listed' };
  } catch (error) {
    return { ...unknown, kind: kind ?? null, ...failureOf(error) };
  }
}

/** What the manifest says, else the layout. @throws LiftscopeError `bad-input` for a manifest that says nothing known */
async function kindOf(folder: string): Promise<ModelKind | undefined> {
  const value = await readManifestJson(folder);
  if (value === undefined) return kindByLayout(folder);
  const stated = typeof value === 'object' && value !== null && 'kind' in value ? value.kind : undefined;
  const kind = modelKindSchema.safeParse(stated);
  if (kind.success) return kind.data;
  throw badManifest(join(folder, MANIFEST), `kind: must be one of ${modelKinds.join(', ')}`);
}

async function holdsOnnx(folder: string): Promise<boolean> {
  for (const inside of [folder, join(folder, 'onnx')]) {
    const names = await readdir(inside).catch(() => []);
    if (names.some((name) => name.endsWith('.onnx'))) return true;
  }
  return false;
}

async function sizeOf(path: string): Promise<number> {
  const info = await stat(path).catch(() => undefined);
  if (info?.isFile() !== true) {
    throw new LiftscopeError({
      code: 'not-found',
      message: `${path}: belongs to the model, and does not exist.`,
      hint: 'Copy the whole model, or correct its manifest.',
    });
  }
  return info.size;
}

function failureOf(error: unknown): Pick<ModelSummary, 'state' | 'problem' | 'hint'> {
  const hint = error instanceof LiftscopeError ? error.hint : undefined;
  const problem = error instanceof Error ? error.message : String(error);
  return {
    state: 'broken',
    problem: problem.slice(0, MAX_TEXT),
    ...(hint !== undefined && { hint: hint.slice(0, MAX_TEXT) }),
  };
}

function kindsOf(models: readonly ModelSummary[]): ModelKindInfo[] {
  return modelKinds.map((kind) => ({
    kind,
    ...KINDS[kind].info,
    installed: models.filter((model) => model.kind === kind && model.state !== 'broken').length,
  }));
}

/**
 * Copies a model into the user's folder: only the files that belong to it, hashed on the way, under a temporary name until it has
 * been run once. Its manifest is completed, or made where there is none.
 * @throws LiftscopeError; the user's folder is as before
 */
async function addModel(
  { user }: ModelFolders,
  action: { readonly path: string; readonly statement: ModelStatement; readonly followLinks: boolean },
  threads: number,
  signal: AbortSignal,
): Promise<{ id: string; detail: string }> {
  const source = resolve(action.path);
  if ((await stat(source).catch(() => undefined))?.isDirectory() !== true) {
    throw new LiftscopeError({
      code: 'not-found',
      message: `${source} is no folder.`,
      hint: 'Name the folder that holds the model’s files.',
    });
  }
  const kind = await kindOf(source);
  if (kind === undefined) {
    throw new LiftscopeError({
      code: 'bad-input',
      message: `${source} holds no model in a layout that is known.`,
      hint: `It needs a ${MANIFEST} (native-models/README.md), or the files of a published CLIP, DINO or depth model: config.json and onnx/….`,
    });
  }
  const described = await KINDS[kind].describe(source);
  const id = action.statement.name ?? slug(basename(source));
  const target = join(user, id);
  if ((await lstat(target).catch(() => undefined)) !== undefined) {
    throw new LiftscopeError({
      code: 'bad-input',
      message: `${target} exists already.`,
      hint: 'Choose another name (--name), or remove that folder first.',
    });
  }
  await mkdir(user, { recursive: true });
  const temporary = join(user, `${ADDING}${randomUUID()}`);
  try {
    const { graphs, files } = await copied(source, temporary, described, action.followLinks, threads, signal);
    await writeSynced(
      join(temporary, MANIFEST),
      `${JSON.stringify(wholeManifest(described, headOf(described.head, action.statement), graphs, files), undefined, 2)}\n`,
    );
    const detail = await KINDS[kind].check(temporary, threads);
    signal.throwIfAborted();
    await rename(temporary, target);
    return { id, detail };
  } catch (error) {
    throw explained(error, user);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** What the caller states about a model that says nothing itself. */
function headOf(head: ManifestHead, statement: ModelStatement): ManifestHead {
  const unstated = (value: string): boolean => value === 'not stated';
  return {
    ...head,
    ...(statement.name !== undefined && unstated(head.source) && { name: statement.name }),
    ...(statement.source !== undefined && unstated(head.source) && { source: statement.source }),
    ...(statement.licence !== undefined && unstated(head.licence) && { licence: statement.licence }),
  };
}

async function copied(
  source: string,
  temporary: string,
  described: DescribedModel,
  followLinks: boolean,
  threads: number,
  signal: AbortSignal,
): Promise<{ graphs: ModelFile[]; files: PlainFile[] }> {
  const jail = await realpath(source);
  const copy = async ({ file }: PlainFile): Promise<void> => {
    signal.throwIfAborted();
    const real = await realpath(join(source, file)).catch(() => undefined);
    const info = real === undefined ? undefined : await stat(real);
    if (real === undefined || info?.isFile() !== true) {
      await sizeOf(join(source, file));
      return;
    }
    const way = relative(jail, real);
    if (!followLinks && (way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way))) {
      throw new LiftscopeError({
        code: 'bad-input',
        message: `${join(source, file)} is a link that leads out of the folder.`,
        hint: 'Copy the files themselves, or add the folder by the command: liftscope models add FOLDER --follow-links.',
      });
    }
    if (info.size > MAX_MODEL_FILE_BYTES) {
      throw new LiftscopeError({
        code: 'bad-input',
        message: `${join(source, file)}: has ${info.size} bytes, more than a model may.`,
      });
    }
    await mkdir(dirname(join(temporary, file)), { recursive: true });
    await cp(real, join(temporary, file));
    const handle = await open(join(temporary, file), 'r');
    await handle.sync().finally(() => handle.close());
  };
  const all = [...described.graphs, ...described.files];
  for (const file of all) await copy(file);
  const files: PlainFile[] = [];
  for (const file of described.files) files.push({ file: file.file, sha256: await verifyFile(temporary, file) });
  const graphs: ModelFile[] = [];
  for (const graph of described.graphs) {
    signal.throwIfAborted();
    const { session, sha256 } = await openVerified(temporary, graph, threads);
    // Everything else that the manifest says about a graph stays.
    graphs.push({ ...graph, sha256, inputs: [...session.inputNames], outputs: [...session.outputNames] });
    await session.release();
  }
  return { graphs, files };
}

async function writeSynced(path: string, text: string): Promise<void> {
  const handle = await open(path, 'wx');
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function explained(error: unknown, user: string): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new LiftscopeError({
      code: 'disk-full',
      message: `The disk of ${user} is full.`,
      hint: 'Nothing was added.',
    });
  }
  if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM') {
    return new LiftscopeError({
      code: 'bad-input',
      message: `${user} cannot be written.`,
      hint: 'LIFTSCOPE_MODELS names another folder.',
    });
  }
  return error;
}

/** A folder's name as that of a model. */
function slug(name: string): string {
  const plain = name
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 100);
  return plain === '' ? 'model' : plain;
}
