/** Language fields and encoders of the view worker: those that were asked last stay in memory. */
import { readFile, stat } from 'node:fs/promises';
import { CANONICAL_PHRASES, LiftscopeError, type ViewQueryAnswer, type ViewQueryCall } from '../../contract/index.ts';
import type { Backend } from '../compute/index.ts';
import {
  answerQuery,
  type OpenField,
  openQueryField,
  readLanguage,
  requireSameModel,
  type TextEncoder,
  TextVectors,
} from '../language/index.ts';
import type { ViewModel } from './models.ts';
import type { MembershipFiles } from './object-look.ts';

const KEPT_FIELDS = 2;
const KEPT_ENCODERS = 2;
const KEPT_RELEVANCIES = 8;

export type OpenTextEncoder = (folder: string) => Promise<TextEncoder>;

const openOnnx: OpenTextEncoder = async (folder) => {
  // Pictures alone need no runtime of models.
  const { openDualEncoder } = await import('../models/index.ts');
  return openDualEncoder(folder, { threads: 1 });
};

export class LanguageFields {
  readonly #backend: Backend;
  readonly #openEncoder: OpenTextEncoder;
  /** Least recently used first. */
  readonly #fields = new Map<string, { readonly version: string; readonly open: OpenField }>();
  readonly #encoders = new Map<string, TextVectors>();

  constructor(backend: Backend, openEncoder: OpenTextEncoder = openOnnx) {
    this.#backend = backend;
    this.#openEncoder = openEncoder;
  }

  /** @throws LiftscopeError */
  async query(call: ViewQueryCall, model: ViewModel, members: MembershipFiles): Promise<ViewQueryAnswer> {
    const startedAt = performance.now();
    const { open, warm } = await this.#field(call.languagePath, call.modelDir);
    const gaussians = model.header.count;
    if (open.field.gaussians !== gaussians) {
      throw new LiftscopeError({
        code: 'bad-input',
        message: `The language field is of ${open.field.gaussians} Gaussians, the splats have ${gaussians}.`,
        hint: 'Train it again on these splats.',
      });
    }
    const answer = await answerQuery(call, open, {
      backend: this.#backend,
      reader: model.reader(),
      members: call.idsPath === undefined ? undefined : await members.get(call.idsPath, gaussians),
    });
    return { ...answer, warm, totalMs: performance.now() - startedAt };
  }

  async #field(path: string, modelDir: string): Promise<{ open: OpenField; warm: boolean }> {
    const file = await stat(path).catch((error: Error) => {
      throw new LiftscopeError({ code: 'not-found', message: `${path}: cannot be opened (${error.message})` });
    });
    const version = `${file.dev} ${file.ino} ${file.size} ${file.mtimeMs} ${modelDir}`;
    const known = this.#fields.get(path);
    if (known?.version === version) {
      this.#fields.delete(path);
      this.#fields.set(path, known);
      return { open: known.open, warm: true };
    }
    this.#drop(path);
    for (const oldest of [...this.#fields.keys()].slice(0, 1 - KEPT_FIELDS)) this.#drop(oldest);
    const texts = await this.#encoder(modelDir);
    const content = await readLanguage(path);
    requireSameModel(content.header.model, texts.encoder);
    const canonical = await texts.of(CANONICAL_PHRASES);
    const field = await openQueryField(this.#backend, content, { canonical });
    const { header, visibility } = content;
    const open: OpenField = { field, header, visibility, texts };
    this.#fields.set(path, { version, open });
    return { open, warm: false };
  }

  async #encoder(folder: string): Promise<TextVectors> {
    const known = this.#encoders.get(folder);
    this.#encoders.delete(folder);
    const texts = known ?? new TextVectors(await this.#openEncoder(folder));
    this.#encoders.set(folder, texts);
    for (const oldest of [...this.#encoders.keys()].slice(0, -KEPT_ENCODERS)) {
      await this.#encoders.get(oldest)?.encoder.dispose();
      this.#encoders.delete(oldest);
    }
    return texts;
  }

  #drop(path: string): void {
    this.#fields.get(path)?.open.field.dispose();
    this.#fields.delete(path);
  }

  async dispose(): Promise<void> {
    for (const path of [...this.#fields.keys()]) this.#drop(path);
    for (const { encoder } of this.#encoders.values()) await encoder.dispose();
    this.#encoders.clear();
  }
}

/** Raw relevancy [N] as queries wrote it, by path: what is drawn needs no model of texts. */
export class RelevancyFiles {
  readonly #kept = new Map<string, Float32Array>();

  /** @throws LiftscopeError naming the file */
  async get(path: string, gaussians: number): Promise<Float32Array> {
    const known = this.#kept.get(path);
    this.#kept.delete(path);
    const values = known ?? (await readRelevancy(path));
    this.#kept.set(path, values);
    for (const oldest of [...this.#kept.keys()].slice(0, -KEPT_RELEVANCIES)) this.#kept.delete(oldest);
    if (values.length === gaussians) return values;
    throw new LiftscopeError({
      code: 'bad-input',
      message: `${path}: is of ${values.length} Gaussians, the model has ${gaussians}.`,
    });
  }
}

async function readRelevancy(path: string): Promise<Float32Array> {
  const bytes = await readFile(path).catch((error: Error) => {
    throw new LiftscopeError({ code: 'not-found', message: `${path}: cannot be read (${error.message})` });
  });
  if (bytes.length % 4 !== 0) {
    throw new LiftscopeError({
      code: 'bad-input',
      message: `${path}: has ${bytes.length} bytes, 4 a Gaussian are needed`,
    });
  }
  const values = new Float32Array(new Uint8Array(bytes).buffer);
  const bad = values.findIndex((value) => !(value >= 0 && value <= 1));
  if (bad >= 0) throw new LiftscopeError({ code: 'bad-input', message: `${path}: value ${bad} is ${values[bad]}` });
  return values;
}
