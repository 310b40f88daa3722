// Plain JavaScript that any Node since 14 can read: an older Node cannot even load TypeScript, and its own complaint about
// that would not tell anyone what to do. `npm run` uses the Node 24 that is installed with the packages.
const required = 24;
const major = Number(process.versions.node.split('.')[0]);

if (major < required) {
  const message = `Liftscope needs Node ${required} or newer; this is Node ${process.versions.node} (${process.execPath}).`;
  const hint = `Run "npm ci" here, then "npm run liftscope -- VERB": it brings Node ${required} with it. Do not use --ignore-scripts.`;
  process.stderr.write(`${message}\n${hint}\n`);
  if (process.argv.includes('--json')) {
    process.stdout.write(`${JSON.stringify({ error: { code: 'unsupported', message, hint } })}\n`);
  }
  process.exitCode = 6;
} else {
  // This process, its threads and the processes it starts read modules as they were compiled the last time.
  const { enableCompileCache } = await import('node:module');
  const { fileURLToPath } = await import('node:url');
  process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('../build/compile-cache', import.meta.url));
  enableCompileCache(process.env.NODE_COMPILE_CACHE);
  await import('./cli.ts');
}
