/** The Timeline's lanes, as a person reaches them by mouse. */
import { expect, type Locator, type Page } from 'playwright/test';
import { GUTTER_WIDTH, LANE_HEIGHT, lanesTop } from '../renderer/panels/timeline/layout.ts';
import { panel } from './steps.ts';
import type { Studio } from './studio.ts';

/** Lanes that are higher have the window to themselves. */
const WHOLE_WINDOW_PX = 500;

export class Lanes {
  clicks = 0;
  keys = 0;
  readonly #studio: Studio;
  readonly #canvas: Locator;

  private constructor(studio: Studio, canvas: Locator) {
    this.#studio = studio;
    this.#canvas = canvas;
  }

  static async open(studio: Studio): Promise<Lanes> {
    const timeline = await panel(studio.page, 'Timeline');
    const canvas = timeline.getByTestId('timeline-canvas');
    await expect(canvas).not.toHaveAttribute('data-observations', '0');
    return new Lanes(studio, canvas);
  }

  get #page(): Page {
    return this.#studio.page;
  }

  /** Only lanes, over the whole window: many of them are in sight. After a restart they may be so already. */
  async maximise(): Promise<void> {
    const height = async () => (await this.#canvas.boundingBox())?.height ?? 0;
    if ((await height()) > WHOLE_WINDOW_PX) return;
    await this.#canvas.click({ position: { x: GUTTER_WIDTH / 2, y: lanesTop + LANE_HEIGHT / 2 } });
    await this.press('Shift+Space');
    await expect.poll(height).toBeGreaterThan(WHOLE_WINDOW_PX);
  }

  /** Selects a few objects in their order, the last one last; `frame` becomes the current one on the way. */
  async select(ids: readonly number[], frame?: number): Promise<void> {
    const lanes = await this.#lanes();
    for (const [i, id] of ids.entries()) {
      const last = i === ids.length - 1;
      await this.#click(lanes.indexOf(id), i === 0 ? [] : ['Control'], last ? frame : undefined);
    }
    await expect(this.#canvas).toHaveAttribute('data-selected', ids.join(' '));
  }

  /** Selects many objects, in no order: neighbours by their first and last lane. */
  async selectAll(ids: readonly number[]): Promise<void> {
    const lanes = await this.#lanes();
    const wanted = ids.map((id) => lanes.indexOf(id)).sort((a, b) => a - b);
    let runs = 0;
    for (const [i, first] of wanted.entries()) {
      if (wanted[i - 1] === first - 1) continue;
      let end = first;
      while (wanted.includes(end + 1)) end++;
      await this.#click(first, runs++ === 0 ? [] : ['Control']);
      if (end > first) await this.#click(end, ['Shift']);
    }
    const selected = async () => (await this.#canvas.getAttribute('data-selected'))?.split(' ').map(Number);
    await expect.poll(async () => (await selected())?.toSorted((a, b) => a - b)).toEqual(ids.toSorted((a, b) => a - b));
  }

  async #lanes(): Promise<number[]> {
    return (await this.#studio.call('objects.list', {})).objects.map(({ id }) => id);
  }

  async #click(lane: number, modifiers: ('Control' | 'Shift')[], frame?: number): Promise<void> {
    expect(lane, 'the object has a lane').toBeGreaterThanOrEqual(0);
    const y = await this.#reveal(lane);
    const x = frame === undefined ? GUTTER_WIDTH / 2 : await this.#xOf(frame);
    await this.#canvas.click({ position: { x, y }, modifiers });
    this.clicks++;
  }

  async press(key: string): Promise<void> {
    await this.#page.keyboard.press(key);
    this.keys++;
  }

  async #xOf(frame: number): Promise<number> {
    const left = Number(await this.#canvas.getAttribute('data-left'));
    return GUTTER_WIDTH + (frame + 0.5 - left) * Number(await this.#canvas.getAttribute('data-frame-width'));
  }

  /** Scrolls until a lane is in sight; its middle, in pixels of the canvas. */
  async #reveal(lane: number): Promise<number> {
    const box = await this.#canvas.boundingBox();
    if (box === null) throw new Error('the timeline is not shown');
    for (let attempt = 0; attempt < 20; attempt++) {
      const top = Number(await this.#canvas.getAttribute('data-top'));
      const y = lanesTop + (lane + 0.5) * LANE_HEIGHT - top;
      if (y > lanesTop && y < box.height - 2) return y;
      await this.#page.mouse.move(box.x + GUTTER_WIDTH / 2, box.y + box.height / 2);
      await this.#page.mouse.wheel(0, y - (lanesTop + box.height) / 2);
      await expect.poll(() => this.#canvas.getAttribute('data-top')).not.toBe(String(top));
    }
    throw new Error(`lane ${lane} cannot be reached`);
  }
}
