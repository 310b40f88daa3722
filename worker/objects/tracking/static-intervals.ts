/** Runs of frames in which an object does not move. */
import type { Vector } from './view.ts';

export interface Sighting {
  readonly frame: number;
  readonly location: Vector;
}

export interface StaticInterval {
  /** Frames, both included. */
  readonly from: number;
  readonly to: number;
  /** Mean place. */
  readonly at: Vector;
}

export interface StaticOptions {
  /** A place farther from the mean than this is another one; scene units. Default 0.12. */
  readonly threshold?: number;
  /** So many sightings in a row elsewhere end an interval; fewer are errors of the depth. Default 3. */
  readonly persistence?: number;
  /** An interval of fewer sightings is none: the object is on its way. Default 3. */
  readonly leastSightings?: number;
}

/** One object's intervals, kept up to date while its sightings come in. Memory grows with the intervals, not with frames. */
export class StaticIntervals {
  readonly #threshold: number;
  readonly #persistence: number;
  readonly #least: number;
  readonly #closed: StaticInterval[] = [];
  #from = 0;
  #to = 0;
  #count = 0;
  #sum: [number, number, number] = [0, 0, 0];
  #elsewhere: Sighting[] = [];

  constructor(options: StaticOptions = {}) {
    this.#threshold = options.threshold ?? 0.12;
    this.#persistence = options.persistence ?? 3;
    this.#least = options.leastSightings ?? 3;
  }

  /** Sightings in the order of their frames. */
  add(sighting: Sighting): void {
    if (this.#count > 0 && this.#distance(sighting.location) > this.#threshold) {
      this.#elsewhere.push(sighting);
      if (this.#elsewhere.length < this.#persistence) return;
      const moved = this.#elsewhere;
      this.#close();
      this.#count = 0;
      this.#sum = [0, 0, 0];
      this.#elsewhere = [];
      for (const one of moved) this.add(one);
      return;
    }
    this.#elsewhere = [];
    if (this.#count === 0) this.#from = sighting.frame;
    this.#to = sighting.frame;
    this.#count++;
    for (let k = 0; k < 3; k++) this.#sum[k]! += sighting.location[k]!;
  }

  /** All intervals so far, the open one included. */
  list(): StaticInterval[] {
    const open = this.#current();
    return open === undefined ? [...this.#closed] : [...this.#closed, open];
  }

  #close(): void {
    const open = this.#current();
    if (open !== undefined) this.#closed.push(open);
  }

  #current(): StaticInterval | undefined {
    if (this.#count < this.#least) return undefined;
    const at = this.#sum.map((value) => value / this.#count) as [number, number, number];
    return { from: this.#from, to: this.#to, at };
  }

  #distance(location: Vector): number {
    return Math.hypot(...location.map((value, k) => value - this.#sum[k]! / this.#count));
  }
}
