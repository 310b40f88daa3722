/** What the host has done in a thread of its own, because it takes longer than the page may wait for an answer. */
import type { ProcedureOutput, ProcedureParsedInput } from '../../../contract/index.ts';
import type { MaskExportReport } from '../../masks/index.ts';

/** All frames of a capture: as the page gets them, and what the host itself looks up. */
export interface FrameTable {
  /** `FrameColumns` as JSON. */
  readonly json: string;
  readonly ids: readonly string[];
  /** Names of the frames that are held out. */
  readonly holdout: readonly string[];
  /** Name of the artifact with the sparse points. */
  readonly pointsArtifact: string | null;
  /** [F * 7]: qw qx qy qz tx ty tz, cameraFromWorld. */
  readonly poses: Float64Array<ArrayBuffer>;
  /** [F * 6]: width height fx fy cx cy. */
  readonly intrinsics: Float64Array<ArrayBuffer>;
}

export interface ReadTasks {
  /** First task of a project: looks through its whole database, which takes half a second for a million observations. */
  open: { readonly input: { readonly create: boolean }; readonly output: null };
  frames: { readonly input: { readonly captureId: number }; readonly output: FrameTable };
  /** The file of `routes.observations`. */
  observations: {
    readonly input: { readonly captureId: number; readonly observationsRevision: number };
    readonly output: ArrayBuffer;
  };
  observationCount: { readonly input: Record<never, never>; readonly output: number };
  objects: {
    readonly input: { readonly captureId: number; readonly observationsRevision: number };
    readonly output: ProcedureOutput<'objects.list'>;
  };
  /** RGB PNG of ids; see `routes.masks`. */
  masks: {
    readonly input: { readonly captureId: number; readonly position: number; readonly set: string };
    readonly output: Uint8Array<ArrayBuffer>;
  };
  missing: {
    readonly input: { readonly captureId: number };
    readonly output: { readonly missing: readonly string[]; readonly missingCount: number };
  };
  relinkCheck: {
    readonly input: { readonly captureId: number; readonly folder: string };
    readonly output: ProcedureOutput<'capture.relinkCheck'>;
  };
  check: { readonly input: Record<never, never>; readonly output: ProcedureOutput<'project.check'> };
  backup: {
    readonly input: { readonly path: string; readonly withArtifacts: boolean };
    readonly output: ProcedureOutput<'project.backup'>;
  };
  /** A splat PLY becomes an artifact. */
  importSplats: {
    readonly input: { readonly path: string };
    readonly output: { readonly artifact: string; readonly gaussians: number; readonly shDegree: number };
  };
  /** A `.splats` artifact becomes a splat PLY; atomically. */
  exportSplats: {
    readonly input: {
      readonly splatsPath: string;
      readonly path: string;
      /** Id of the model whose Gaussians' objects are written too. */
      readonly objectsOf?: number;
    };
    readonly output: { readonly bytes: number };
  };
  /** A mask set or the objects in the format of others. */
  exportMasks: {
    readonly input: ProcedureParsedInput<'masks.export'>;
    readonly output: MaskExportReport;
  };
}

export type ReadTask = keyof ReadTasks;

/** What the thread is started with. */
export interface ThreadData {
  readonly folder: string;
  /** The project has been opened before, by another connection. */
  readonly checked: boolean;
}

/** From the host to the thread. */
export interface ReadRequest {
  readonly id: number;
  readonly task: ReadTask;
  readonly input: unknown;
}
