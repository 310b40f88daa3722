/** What a segmentation is started with. */
import { maskSetNameSchema } from '../../contract/index.ts';

/** What is wrong with the name of a mask set, or null. */
export function maskNameProblem(name: string): string | null {
  if (name.trim() === '') return 'Give it a name.';
  return maskSetNameSchema.safeParse(name.trim()).success
    ? null
    : 'Begin with a letter or digit; spaces, dots, dashes and underscores may follow.';
}

/** `graph`, or `graph 2` where that is taken. */
export function freeMaskName(base: string, taken: readonly string[]): string {
  if (!taken.includes(base)) return base;
  for (let n = 2; ; n++) if (!taken.includes(`${base} ${n}`)) return `${base} ${n}`;
}
