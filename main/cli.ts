/**
 * Entry of the command line. No type syntax and no static import here: the version is checked before anything that an
 * older Node cannot load (relaxed SIMD, better-sqlite3) is touched. Nodes that cannot load this file at all are told so by
 * `liftscope.mjs`.
 */
const REQUIRED_NODE = 24;

if (Number(process.versions.node.split('.')[0]) < REQUIRED_NODE) {
  const message = `Liftscope needs Node ${REQUIRED_NODE} or newer; this is Node ${process.versions.node}.`;
  const hint = 'Use "npm run liftscope -- VERB": npm brings its own Node 24 after "npm ci".';
  process.stderr.write(`${message}\n${hint}\n`);
  if (process.argv.includes('--json')) {
    process.stdout.write(`${JSON.stringify({ error: { code: 'unsupported', message, hint } })}\n`);
  }
  process.exitCode = 6;
} else {
  const { main } = await import('./cli/index.ts');
  process.exitCode = await main(process.argv.slice(2));
}

export {};
