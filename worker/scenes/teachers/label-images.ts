/** Bad input to a simulated teacher: what is wrong with which image. */
export class TeacherInputError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'TeacherInputError';
  }
}

export function requireSize(name: string, length: number, width: number, height: number): void {
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1) {
    throw new TeacherInputError(`${name}: an image cannot be ${width}x${height}`);
  }
  if (length !== width * height) {
    throw new TeacherInputError(`${name} has ${length} pixels; ${width}x${height} needs ${width * height}`);
  }
}

/** Pixels of each id, 0 left out, in ascending order of id. */
export function areasOf(labels: Uint16Array): Map<number, number> {
  const counts = new Uint32Array(65536);
  for (const id of labels) counts[id]!++;
  const areas = new Map<number, number>();
  for (let id = 1; id < counts.length; id++) if (counts[id]! > 0) areas.set(id, counts[id]!);
  return areas;
}

/** Pairs of different ids (both not 0) that share a pixel edge, each as [smaller, larger], in ascending order. */
export function touchingPairs(labels: Uint16Array, width: number, height: number): [number, number][] {
  const keys = new Set<number>();
  const look = (a: number, b: number): void => {
    if (a !== b && a !== 0 && b !== 0) keys.add(a < b ? a * 65536 + b : b * 65536 + a);
  };
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      if (x + 1 < width) look(labels[i]!, labels[i + 1]!);
      if (y + 1 < height) look(labels[i]!, labels[i + width]!);
    }
  }
  return [...keys].sort((a, b) => a - b).map((key) => [Math.floor(key / 65536), key % 65536]);
}

export interface Patch {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly mask: Uint8Array; // [height, width]
}

/** Each id's mask in its bounding box widened by `margin` (not clipped: the margin may reach outside the image). */
export function patchesOf(labels: Uint16Array, width: number, margin: number): Map<number, Patch> {
  const boxes = new Map<number, [number, number, number, number]>();
  for (let i = 0; i < labels.length; i++) {
    const id = labels[i]!;
    if (id === 0) continue;
    const [x, y] = [i % width, Math.floor(i / width)];
    const box = boxes.get(id);
    if (!box) boxes.set(id, [x, y, x, y]);
    else {
      box[0] = Math.min(box[0], x);
      box[2] = Math.max(box[2], x);
      box[3] = y;
    }
  }
  const patches = new Map<number, Patch>();
  for (const [id, [x0, y0, x1, y1]] of [...boxes].sort((a, b) => a[0] - b[0])) {
    const patch: Patch = {
      left: x0 - margin,
      top: y0 - margin,
      width: x1 - x0 + 1 + 2 * margin,
      height: y1 - y0 + 1 + 2 * margin,
      mask: new Uint8Array((x1 - x0 + 1 + 2 * margin) * (y1 - y0 + 1 + 2 * margin)),
    };
    for (let y = y0; y <= y1; y++) {
      for (let x = x0; x <= x1; x++) {
        if (labels[y * width + x] === id) patch.mask[(y - patch.top) * patch.width + x - patch.left] = 1;
      }
    }
    patches.set(id, patch);
  }
  return patches;
}

/** Dilation (grow) or erosion (shrink) by a disc; outside the patch counts as empty. */
function disc(patch: Patch, radius: number, grow: boolean): Patch {
  const { width, height, mask } = patch;
  const out = new Uint8Array(mask.length);
  const reach = Math.floor(radius);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let value = !grow;
      for (let dy = -reach; dy <= reach && value !== grow; dy++) {
        for (let dx = -reach; dx <= reach; dx++) {
          if (dx * dx + dy * dy > radius * radius) continue;
          const [px, py] = [x + dx, y + dy];
          const set = px >= 0 && px < width && py >= 0 && py < height && mask[py * width + px] === 1;
          if (set === grow) {
            value = grow;
            break;
          }
        }
      }
      out[y * width + x] = value ? 1 : 0;
    }
  }
  return { ...patch, mask: out };
}

export const opened = (patch: Patch, radius: number): Patch => disc(disc(patch, radius, false), radius, true);
export const closed = (patch: Patch, radius: number): Patch => disc(disc(patch, radius, true), radius, false);
