/** `npm run test:conformance -- --backend webgpu`: the conformance suite, of one backend or of all that can run here. */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { BACKENDS, MUST_NOT_SKIP, suiteName } from './backends.ts';

const [option, name, ...rest] = process.argv.slice(2);
const backend = BACKENDS.find((candidate) => candidate.name === name);
if (option !== undefined && (option !== '--backend' || backend === undefined || rest.length > 0)) {
  const names = BACKENDS.map((candidate) => candidate.name).join('|');
  process.stderr.write(`Usage: npm run test:conformance -- [--backend ${names}]\n`);
  process.exit(2);
}
const vitest = join(createRequire(import.meta.url).resolve('vitest/package.json'), '..', 'vitest.mjs');
const filter = backend === undefined ? [] : ['-t', suiteName(backend)];
// A backend that was asked for by name is not skipped for want of an adapter.
const env = backend === undefined ? process.env : { ...process.env, [MUST_NOT_SKIP]: backend.name };
const { status } = spawnSync(process.execPath, [vitest, 'run', 'conformance', ...filter], { stdio: 'inherit', env });
process.exit(status ?? 1);
