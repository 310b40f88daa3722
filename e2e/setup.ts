import { type Shell, whyAbsent } from './environment.ts';

/** Says once why a shell's tests are skipped; the list that follows names them. */
export default function setup(): void {
  for (const shell of ['browser', 'electron'] satisfies Shell[]) {
    const why = whyAbsent(shell);
    if (why !== undefined) console.log(`e2e, ${shell}: skipped, because ${why}`);
  }
}
