import { type Backend, type DeviceBuffer, GrowingBuffers, type Kernel, type WasmBackend } from '../../compute/index.ts';
import type { TileLists } from '../binning/index.ts';
import { blendBackwardOnWebgpu, blendChannelsBackwardOnWebgpu } from './backward.wgsl.ts';
import { blendChannelsOnWebgpu, blendForwardOnWebgpu, reduceSlotsOnWebgpu } from './kernel.wgsl.ts';

const PLANE_BYTES = 1024;
/** Scratch per thread of the colour path, in planes (kernel.as.ts). */
const COLOUR_PLANES = 9;
const CHUNK_BYTES = 65_536;
/** Which of a thread's counters holds the chunks that the arena had no room for (blocks.as.ts). */
const CHUNKS_MISSING = 2;
/** Blocks per instance that a first view is given room for; the arena grows to what views need. */
const EXPECTED_BLOCKS = 6;

/** What the forward pass leaves for the backward pass and for weight extraction. Reused for every view. */
export class BlendState extends GrowingBuffers {
  /** Chunks of 64 KiB that the stream of alphas may fill. */
  arenaChunks = 0;
  /** The records of the last recording pass, and how to run it again. */
  recorded: { readonly projected: DeviceBuffer; readonly again: () => void } | undefined;

  constructor(backend: Backend) {
    super(backend, 'blending');
  }
}

interface View {
  /** [N, 16] projected records. */
  readonly projected: DeviceBuffer;
  readonly lists: TileLists;
  readonly state: BlendState;
  readonly width: number;
  readonly height: number;
  /** Linear RGB behind everything. */
  readonly background: readonly [number, number, number];
}

export interface BlendArgs extends View {
  /** [3, H, W] out. */
  readonly rgb: DeviceBuffer;
  /** Keep what `blendBackward` and `blendingWeights` need; a pure render need not. */
  readonly record: boolean;
}

/** Colour only: the path of training and preview. */
export const blendForward: Kernel<BlendArgs> = {
  name: 'blendForward',
  wasm(backend, args) {
    withArena(backend, args, args.record, () => {
      backend.dispatch(
        'blending.forward',
        ...[backend.address(args.projected), ...listAddresses(backend, args, args.record)],
        ...[backend.address(args.state.ensure('arena', 0)), args.state.arenaChunks, backend.counters],
        ...[backend.address(scratch(backend, args.state, COLOUR_PLANES)), ...frame(args), ...args.background],
        ...[backend.address(args.rgb), backend.address(finalTransmittance(args)), args.record ? 1 : 0],
      );
    });
  },
  webgpu(backend, args) {
    args.state.recorded = { projected: args.projected, again: () => backend.run(blendForward, args) };
    blendForwardOnWebgpu(backend, args);
  },
};

export interface BlendBackwardArgs extends View {
  /** [3, H, W] dL/drgb. */
  readonly upstream: DeviceBuffer;
  /** [M, 12] out, see SLOT; M = `lists.instanceCount`. */
  readonly slots: DeviceBuffer;
}

/** Backward of {@link blendForward} with `record`; the state must be that of the same view. */
export const blendBackward: Kernel<BlendBackwardArgs> = {
  name: 'blendBackward',
  wasm(backend, args) {
    backend.dispatch(
      'blending.backward',
      ...[backend.address(args.projected), ...listAddresses(backend, args, true)],
      ...[backend.counters, backend.address(scratch(backend, args.state, COLOUR_PLANES))],
      ...[...frame(args), ...args.background],
      ...[backend.address(args.upstream), backend.address(finalTransmittance(args)), backend.address(args.slots)],
    );
  },
  webgpu: blendBackwardOnWebgpu,
};

export interface BlendChannelsArgs extends View {
  /** [N, D] */
  readonly features: DeviceBuffer;
  /** D, 0 or more. */
  readonly featureDim: number;
  /** [4 + D, H, W] out: colour over the background, depth (sum of w z), features. */
  readonly output: DeviceBuffer;
  /** [H, W] out. */
  readonly alpha: DeviceBuffer;
  /** [H, W] int32 out: how many Gaussians were blended. */
  readonly contributors: DeviceBuffer;
}

/** Colour, depth, alpha and any number of feature channels. Always records. */
export const blendChannels: Kernel<BlendChannelsArgs> = {
  name: 'blendChannels',
  wasm(backend, args) {
    withArena(backend, args, true, () => {
      backend.dispatch(
        'blending.forwardChannels',
        ...[backend.address(args.projected), backend.address(args.features), args.featureDim],
        ...[
          ...listAddresses(backend, args, true),
          backend.address(args.state.ensure('arena', 0)),
          args.state.arenaChunks,
        ],
        ...[
          backend.counters,
          backend.address(scratch(backend, args.state, 10 + args.featureDim)),
          ...frame(args),
          ...args.background,
        ],
        ...[args.output, args.alpha, args.contributors, finalTransmittance(args)].map((buffer) =>
          backend.address(buffer),
        ),
      );
    });
  },
  webgpu(backend, args) {
    args.state.recorded = { projected: args.projected, again: () => backend.run(blendChannels, args) };
    blendChannelsOnWebgpu(backend, args);
  },
};

export interface BlendChannelsBackwardArgs extends View {
  readonly features: DeviceBuffer;
  readonly featureDim: number;
  /** [4 + D, H, W] */
  readonly upstream: DeviceBuffer;
  /** [H, W] */
  readonly upstreamAlpha: DeviceBuffer;
  /** [M, 12] out */
  readonly slots: DeviceBuffer;
  /** [M, D] out */
  readonly featureSlots: DeviceBuffer;
}

/** Backward of {@link blendChannels}; the state must be that of the same view. */
export const blendChannelsBackward: Kernel<BlendChannelsBackwardArgs> = {
  name: 'blendChannelsBackward',
  wasm(backend, args) {
    backend.dispatch(
      'blending.backwardChannels',
      ...[backend.address(args.projected), backend.address(args.features), args.featureDim],
      ...[...listAddresses(backend, args, true), backend.counters],
      ...[backend.address(scratch(backend, args.state, 10 + args.featureDim)), ...frame(args), ...args.background],
      ...[args.upstream, args.upstreamAlpha, finalTransmittance(args), args.slots, args.featureSlots].map((buffer) =>
        backend.address(buffer),
      ),
    );
  },
  webgpu: blendChannelsBackwardOnWebgpu,
};

export interface ReduceSlotsArgs {
  readonly projected: DeviceBuffer;
  readonly count: number;
  readonly lists: TileLists;
  readonly slots: DeviceBuffer;
  readonly featureSlots: DeviceBuffer;
  readonly featureDim: number;
  /** [N, 12] out, see SCREEN_GRADIENT. */
  readonly gradients: DeviceBuffer;
  /** [N, D] out */
  readonly featureGradients: DeviceBuffer;
}

/** Sums the slots of each Gaussian and turns moments into derivatives of the projected record. */
export const reduceSlots: Kernel<ReduceSlotsArgs> = {
  name: 'reduceSlots',
  wasm(backend, args) {
    backend.dispatch(
      'blending.reduceSlots',
      ...[
        backend.address(args.projected),
        args.count,
        backend.address(args.lists.slotStart),
        backend.address(args.slots),
      ],
      ...[backend.address(args.featureSlots), args.featureDim],
      ...[backend.address(args.gradients), backend.address(args.featureGradients)],
    );
  },
  webgpu: reduceSlotsOnWebgpu,
};

/**
 * To await between the forward pass of a view and a look at its results: where the device made its lists too short, the
 * view has been binned and blended again when this resolves.
 * @throws OutOfMemoryError when there is no room for the lists
 */
export async function completeView({ lists, state }: Pick<View, 'lists' | 'state'>): Promise<void> {
  while (!(await lists.settle())) {
    lists.again?.();
    state.recorded?.again();
  }
}

/** Addresses of the last recording pass that weight extraction walks. */
export function recordedAddresses(backend: WasmBackend, view: Pick<View, 'lists' | 'state'>) {
  const [instances, tileStart, blended] = listAddresses(backend, view, true);
  return {
    ...{ instances, tileStart, blended },
    scratch: backend.address(scratch(backend, view.state, COLOUR_PLANES)),
    scratchBytes: COLOUR_PLANES * PLANE_BYTES,
  };
}

function listAddresses(
  backend: WasmBackend,
  { lists, state }: Pick<View, 'lists' | 'state'>,
  record: boolean,
): [number, number, number] {
  const blended = state.ensure('blended', record ? lists.instanceCount * 8 : 0);
  return [backend.address(lists.instances), backend.address(lists.tileStart), backend.address(blended)];
}

function frame({ width, height, lists }: View): [number, number, number, number] {
  return [width, height, lists.tilesX, lists.tileCount];
}

function finalTransmittance({ state, lists }: View): DeviceBuffer {
  return state.ensure('final transmittance', lists.tileCount * PLANE_BYTES);
}

function scratch(backend: WasmBackend, state: BlendState, planesPerThread: number): DeviceBuffer {
  return state.ensure('scratch', backend.threads * planesPerThread * PLANE_BYTES);
}

/** Runs a recording pass; when the arena of alphas was too small, grows it and runs the pass again. */
function withArena(backend: WasmBackend, { state, lists }: View, record: boolean, pass: () => void): void {
  if (record && state.arenaChunks === 0) {
    growArena(state, Math.ceil((lists.instanceCount * EXPECTED_BLOCKS * 32) / CHUNK_BYTES) + 2 * backend.threads);
  }
  for (;;) {
    // Sizes of everything the pass uses are settled before any address is taken.
    pass();
    if (!record) return;
    const missing = backend.counted(CHUNKS_MISSING);
    if (missing === 0) return;
    growArena(state, Math.ceil((state.arenaChunks + missing) * 1.3) + 2);
  }
}

function growArena(state: BlendState, chunks: number): void {
  state.ensure('arena', chunks * CHUNK_BYTES);
  state.arenaChunks = chunks;
}
