/** How a conformance test is written: once, against the `Backend` interface alone. */
import { afterAll, afterEach, beforeAll, describe, it } from 'vitest';
import type { Backend, BackendKind, DeviceBuffer, Kernel, MemoryUse } from '../index.ts';
import {
  BACKENDS,
  type BackendUnderTest,
  createVariant,
  MUST_NOT_SKIP,
  suiteName,
  verdictOn,
  type WebgpuVariant,
} from './backends.ts';

/** As a float 3.4e38, as an index far out of every range: a kernel that relies on zeros does not get away with it. */
const JUNK = 0x7f;
const START_TIMEOUT_MS = 60_000;
/** A software driver compiles every kernel on its first use, which takes seconds of a busy machine. */
const FIRST_COMPILE_TIMEOUT_MS = 180_000;

/** A backend whose new buffers hold junk, working memory of kernels included, and which knows the buffers alive. */
export class JunkFilledBackend implements Backend {
  readonly #inner: Backend;
  readonly #alive = new Set<DeviceBuffer>();

  constructor(inner: Backend) {
    this.#inner = inner;
  }

  get kind(): BackendKind {
    return this.#inner.kind;
  }
  get description(): string {
    return this.#inner.description;
  }
  get threads(): number {
    return this.#inner.threads;
  }
  get memory(): MemoryUse {
    return this.#inner.memory;
  }
  get buffersAlive(): number {
    return this.#alive.size;
  }

  createBuffer(label: string, sizeBytes: number): DeviceBuffer {
    const buffer = this.#inner.createBuffer(label, sizeBytes);
    this.#alive.add(buffer);
    this.#inner.write(buffer, new Uint8Array(sizeBytes).fill(JUNK));
    return buffer;
  }

  destroyBuffer(buffer: DeviceBuffer): void {
    this.#inner.destroyBuffer(buffer);
    this.#alive.delete(buffer);
  }

  write(buffer: DeviceBuffer, data: ArrayBufferView, offsetBytes?: number): void {
    this.#inner.write(buffer, data, offsetBytes);
  }
  read(buffer: DeviceBuffer, offsetBytes?: number, sizeBytes?: number): Promise<ArrayBuffer> {
    return this.#inner.read(buffer, offsetBytes, sizeBytes);
  }
  run<Args>(kernel: Kernel<Args>, args: Args): void {
    this.#inner.run(kernel, args);
  }
  get ahead(): boolean {
    return this.#inner.ahead;
  }
  set ahead(ahead: boolean) {
    this.#inner.ahead = ahead;
  }
  synchronise(): Promise<void> {
    return this.#inner.synchronise();
  }
  pace(): Promise<void> {
    return this.#inner.pace();
  }
  dispose(): Promise<void> {
    return this.#inner.dispose();
  }

  destroyAll(): void {
    for (const buffer of [...this.#alive]) this.destroyBuffer(buffer);
  }

  upload(label: string, data: ArrayBufferView): DeviceBuffer {
    const buffer = this.createBuffer(label, data.byteLength);
    this.write(buffer, data);
    return buffer;
  }
  uploadFloats(label: string, values: ArrayLike<number>): DeviceBuffer {
    return this.upload(label, Float32Array.from(values));
  }
  /** The first `length` values; default all. */
  async floats(buffer: DeviceBuffer, length?: number): Promise<Float32Array> {
    return new Float32Array(await this.read(buffer, 0, length === undefined ? undefined : 4 * length));
  }
  async integers(buffer: DeviceBuffer, length?: number): Promise<Uint32Array> {
    return new Uint32Array(await this.read(buffer, 0, length === undefined ? undefined : 4 * length));
  }
}

/**
 * Defines `tests` for every backend of the table. A backend that is not available here is skipped by name, or fails when
 * CI_MUST_NOT_SKIP names it.
 * @param tests called once per backend; the backend that `on` gives exists inside tests only, and what a test leaves
 * alive is destroyed after it.
 * @param variants of webgpu that the kernels have a path of their own for
 */
export function conformance(
  title: string,
  tests: (on: () => JunkFilledBackend) => void,
  variants: readonly WebgpuVariant[] = [],
): void {
  const webgpu = BACKENDS.find(({ name }) => name === 'webgpu')!;
  const further = variants.map((variant) => {
    return { ...webgpu, create: () => createVariant(variant), suffix: ` (${variant})` };
  });
  for (const candidate of [...BACKENDS.map((backend) => ({ ...backend, suffix: '' })), ...further]) {
    whereAvailable(candidate, `${suiteName(candidate)}: ${title}${candidate.suffix}`, () => {
      let backend: JunkFilledBackend | undefined;
      beforeAll(async () => {
        backend = new JunkFilledBackend(await candidate.create());
      }, START_TIMEOUT_MS);
      afterEach(() => backend?.destroyAll());
      afterAll(() => backend?.dispose());
      tests(() => {
        if (backend === undefined) throw new Error('a backend exists inside tests only');
        return backend;
      });
    });
  }
}

/** Tests of the webgpu backend itself: skipped by name, or failing, as its conformance suite is. */
export function webgpuTests(title: string, tests: () => void): void {
  const candidate = BACKENDS.find(({ name }) => name === 'webgpu')!;
  whereAvailable(candidate, `webgpu: ${title}`, tests);
}

function whereAvailable(candidate: BackendUnderTest, name: string, tests: () => void): void {
  const reason = candidate.unavailable;
  switch (verdictOn(candidate, process.env[MUST_NOT_SKIP])) {
    case 'skip':
      it.skip(`${name} (${reason})`, () => {});
      break;
    case 'fail':
      it(name, () => {
        throw new Error(`${MUST_NOT_SKIP} names ${candidate.name}, which cannot be tested here: ${reason}`);
      });
      break;
    default:
      describe(name, candidate.name === 'webgpu' ? { timeout: FIRST_COMPILE_TIMEOUT_MS } : {}, tests);
  }
}
