import { rm } from 'node:fs/promises';
import { isRunTemporary, runFolder } from './environment.ts';

export default async function teardown(): Promise<void> {
  if (isRunTemporary()) await rm(runFolder(), { recursive: true, force: true });
}
