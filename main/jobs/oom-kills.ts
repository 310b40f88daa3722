import { readFileSync } from 'node:fs';

/** Kernel counters of processes ended for lack of memory: of the control group (a container's own), else of the machine. */
const COUNTERS = ['/sys/fs/cgroup/memory.events', '/proc/vmstat'];

/** How many processes the kernel has ended for lack of memory so far; undefined where it does not say (not Linux, or an old one). */
export function countOomKills(files: readonly string[] = COUNTERS): number | undefined {
  for (const file of files) {
    try {
      const count = /^oom_kill (\d+)$/m.exec(readFileSync(file, 'utf8'))?.[1];
      if (count !== undefined) return Number(count);
    } catch {
      // Absent: the next one may know.
    }
  }
  return undefined;
}
