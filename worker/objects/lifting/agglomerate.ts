/** Greedy agglomeration of segments into objects, with at most one segment per view in each. */
import type { SegmentNode } from './evidence.ts';
import type { SegmentOverlap } from './overlap.ts';

export interface AgglomerationOptions {
  /** Two groups are merged while their pooled IoU is at least this. */
  readonly threshold: number;
  /** Two groups with more common views than this share of the smaller one's are never merged. */
  readonly mostConflicts: number;
}

interface Group {
  readonly members: number[];
  /** Member of each view it has one in. */
  readonly byView: Map<number, number>;
  /** [views] sum of the members' areas in that view. */
  readonly area: Float64Array;
  /** Shared mass with other groups. */
  readonly shared: Map<number, number>;
  version: number;
}

interface Candidate {
  readonly iou: number;
  readonly a: number;
  readonly b: number;
  readonly versionA: number;
  readonly versionB: number;
}

/**
 * Pooled IoU of groups A and B: shared mass over united mass, both summed over all pairs (a in A, b in B), co-visible
 * Gaussians only. A pair from one view shares nothing by definition and so counts against the merge. When groups with a
 * common view are merged all the same, the larger of that view's two segments stays and the other is put out as a group of
 * its own: it is half of a split segment, or a piece of a neighbour.
 * @returns group of each node, numbered from 0 by decreasing number of members
 */
export function agglomerate(
  nodes: readonly SegmentNode[],
  views: number,
  overlap: SegmentOverlap,
  { threshold, mostConflicts }: AgglomerationOptions,
): Int32Array {
  const groups: (Group | undefined)[] = nodes.map((node, a) => single(node, a, views, overlap));
  const groupOf = Int32Array.from(nodes, (_, a) => a);
  const heap = new CandidateHeap();
  for (let a = 0; a < nodes.length; a++) {
    for (let k = overlap.start[a]!; k < overlap.start[a + 1]!; k++) {
      const b = overlap.partners[k]!;
      groups[a]!.shared.set(b, overlap.shared[k]!);
      if (b > a) consider(a, b);
    }
  }

  function consider(a: number, b: number): void {
    const [A, B] = [groups[a]!, groups[b]!];
    const iou = pooledIou(A, B, A.shared.get(b) ?? 0);
    if (iou >= threshold) heap.push({ iou, a, b, versionA: A.version, versionB: B.version });
  }

  for (let next = heap.pop(); next !== undefined; next = heap.pop()) {
    const [A, B] = [groups[next.a], groups[next.b]];
    if (A?.version !== next.versionA || B?.version !== next.versionB) continue;
    const [into, from] = A.members.length >= B.members.length ? [next.a, next.b] : [next.b, next.a];
    const [target, source] = [groups[into]!, groups[from]!];
    const conflicts = [...source.byView.keys()].filter((view) => target.byView.has(view));
    if (conflicts.length > mostConflicts * source.members.length) continue;
    for (const view of conflicts) {
      const [x, y] = [target.byView.get(view)!, source.byView.get(view)!];
      evict(nodes[x]!.areaPx >= nodes[y]!.areaPx ? y : x);
    }
    absorb(into, from);
    for (const other of target.shared.keys()) consider(Math.min(into, other), Math.max(into, other));
  }
  return numbered(groups, groupOf);

  /** Takes a node out of its group and makes it one of its own. */
  function evict(node: number): void {
    const home = groupOf[node]!;
    const group = groups[home]!;
    group.version++;
    group.members.splice(group.members.indexOf(node), 1);
    group.byView.delete(nodes[node]!.view);
    const alone = single(nodes[node]!, node, views, overlap);
    for (let v = 0; v < views; v++) group.area[v]! -= alone.area[v]!;
    const id = groups.push(alone) - 1;
    groupOf[node] = id;
    for (let k = overlap.start[node]!; k < overlap.start[node + 1]!; k++) {
      const other = groupOf[overlap.partners[k]!]!;
      const mass = overlap.shared[k]!;
      if (other !== home) {
        add(group.shared, other, -mass);
        add(groups[other]!.shared, home, -mass);
      }
      add(alone.shared, other, mass);
      add(groups[other]!.shared, id, mass);
    }
  }

  function absorb(into: number, from: number): void {
    const [target, source] = [groups[into]!, groups[from]!];
    target.version++;
    for (const member of source.members) {
      target.members.push(member);
      target.byView.set(nodes[member]!.view, member);
      groupOf[member] = into;
    }
    for (let v = 0; v < views; v++) target.area[v]! += source.area[v]!;
    for (const [other, mass] of source.shared) {
      groups[other]!.shared.delete(from);
      if (other === into) continue;
      add(target.shared, other, mass);
      add(groups[other]!.shared, into, mass);
    }
    target.shared.delete(from);
    groups[from] = undefined;
  }
}

function single(node: SegmentNode, id: number, views: number, { areaInView }: SegmentOverlap): Group {
  const area = Float64Array.from(areaInView.subarray(id * views, (id + 1) * views));
  return { members: [id], byView: new Map([[node.view, id]]), area, shared: new Map(), version: 0 };
}

function add(map: Map<number, number>, key: number, value: number): void {
  map.set(key, (map.get(key) ?? 0) + value);
}

function pooledIou(a: Group, b: Group, shared: number): number {
  let areas = 0;
  for (const view of b.byView.keys()) areas += a.area[view]!;
  for (const view of a.byView.keys()) areas += b.area[view]!;
  return shared / (areas - shared);
}

function numbered(groups: readonly (Group | undefined)[], groupOf: Int32Array): Int32Array {
  const alive = groups.flatMap((group, id) => (group === undefined ? [] : [{ id, size: group.members.length }]));
  alive.sort((x, y) => y.size - x.size || x.id - y.id);
  const number = new Map(alive.map(({ id }, i) => [id, i]));
  return groupOf.map((id) => number.get(id)!);
}

/** Binary heap, highest IoU first; ties by ids, so that the result does not depend on the order of pushing. */
class CandidateHeap {
  readonly #items: Candidate[] = [];

  push(item: Candidate): void {
    const items = this.#items;
    let at = items.push(item) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(item, items[parent]!)) break;
      items[at] = items[parent]!;
      at = parent;
    }
    items[at] = item;
  }

  pop(): Candidate | undefined {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (top === undefined || last === undefined || items.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && before(items[child + 1]!, items[child]!)) child++;
      if (!before(items[child]!, last)) break;
      items[at] = items[child]!;
      at = child;
    }
    items[at] = last;
    return top;
  }
}

function before(x: Candidate, y: Candidate): boolean {
  return x.iou > y.iou || (x.iou === y.iou && (x.a < y.a || (x.a === y.a && x.b < y.b)));
}
