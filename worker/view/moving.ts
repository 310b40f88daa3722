/** Pictures of a moving camera: fewer pixels, fewer Gaussians, colours without view dependence. */
import type { Backend } from '../compute/index.ts';
import type { PinholeView } from '../kernels/index.ts';
import { SplatModel, SplatRenderer } from '../splats/index.ts';
import type { SplatBlocks } from './blocks.ts';
import { GROUP_FLOATS, GROUPS } from './merge.ts';
import { Staging, select } from './selection.ts';

/** A moving picture has at most this many pixels. */
const MOVING_PIXELS = 240_000;
/** Gaussians that two free cores project, sort and blend in less than a tenth of a second. */
const USUAL_BUDGET = 500_000;
const LEAST_BUDGET = 60_000;
/** A picture that took longer to draw makes the next one coarser; one that took less than half of it, finer again. */
const SLOW_MS = 140;
const BUDGET_STEP = 0.8;

/** The same camera with an image of 1 / n of the size (rounded), n = 1 where the size allows it. */
export function reducedView(view: PinholeView, pixels = MOVING_PIXELS): PinholeView {
  const divisor = Math.max(1, Math.ceil(Math.sqrt((view.widthPixels * view.heightPixels) / pixels)));
  const widthPixels = Math.max(1, Math.round(view.widthPixels / divisor));
  const heightPixels = Math.max(1, Math.round(view.heightPixels / divisor));
  const x = widthPixels / view.widthPixels;
  const y = heightPixels / view.heightPixels;
  return {
    ...view,
    ...{ widthPixels, heightPixels, fx: view.fx * x, fy: view.fy * y, cx: view.cx * x, cy: view.cy * y },
  };
}

/** Draws selections of blocks; its device memory is that of the largest selection so far, whatever the model's size. */
export class MovingRenderer {
  readonly #backend: Backend;
  readonly #staging = new Staging();
  #stage: { model: SplatModel; renderer: SplatRenderer } | undefined;
  /** What this machine draws in time, as far as the last pictures tell. */
  #budget = USUAL_BUDGET;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** Gaussians of a moving picture. */
  get budget(): number {
    return this.#budget;
  }

  /** How long the last picture took. */
  tookMs(drawMs: number): void {
    if (drawMs > SLOW_MS) this.#budget = Math.max(LEAST_BUDGET, this.#budget * BUDGET_STEP);
    else if (drawMs < SLOW_MS / 2) this.#budget = Math.min(USUAL_BUDGET, this.#budget / BUDGET_STEP);
  }

  /** The renderer, holding what `view` sees of the model, and how many Gaussians that is. */
  prepare(
    model: SplatBlocks,
    view: PinholeView,
    budget = this.#budget,
  ): { renderer: SplatRenderer; gaussians: number } {
    const selection = select(model, view, budget);
    const arrays = this.#staging.fill(model, selection);
    const stage = this.#ensure(selection.count);
    for (const group of GROUPS) {
      const used = arrays[group].subarray(0, selection.count * GROUP_FLOATS[group]);
      this.#backend.write(stage.model.parameters[group], used);
    }
    stage.model.count = selection.count;
    return { renderer: stage.renderer, gaussians: selection.count };
  }

  #ensure(count: number): { model: SplatModel; renderer: SplatRenderer } {
    if (this.#stage !== undefined && this.#stage.model.capacity >= count) return this.#stage;
    this.dispose();
    const model = new SplatModel(this.#backend, Math.ceil(Math.max(count, 4096) * 1.25), 0, { trainable: false });
    this.#stage = { model, renderer: new SplatRenderer(this.#backend, model) };
    return this.#stage;
  }

  dispose(): void {
    this.#stage?.renderer.dispose();
    this.#stage?.model.dispose();
    this.#stage = undefined;
  }
}
