/** The Timeline's lanes, as a person reaches them by mouse. */
import { expect, type Locator, type Page } from 'playwright/test';
import { GUTTER_WIDTH, LANE_HEIGHT, lanesTop } from '../renderer/panels/timeline/layout.ts';
import { panel } from './steps.ts';
import type { Studio } from './studio.ts';

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

  /** Selects objects, the last one last; `frame` makes it the current one on the way. */
  async select(ids: readonly number[], frame?: number): Promise<void> {
    const { objects } = await this.#studio.call('objects.list', {});
    for (const [i, id] of ids.entries()) {
      const lane = objects.findIndex((object) => object.id === id);
      expect(lane, `object ${id} has a lane`).toBeGreaterThanOrEqual(0);
      const y = await this.#reveal(lane);
      const x = frame === undefined || i < ids.length - 1 ? GUTTER_WIDTH / 2 : await this.#xOf(frame);
      await this.#canvas.click({ position: { x, y }, modifiers: i === 0 ? [] : ['Control'] });
      this.clicks++;
    }
    await expect(this.#canvas).toHaveAttribute('data-selected', ids.join(' '));
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
