/**
 * Prints what was skipped, by name, and a last line "N passed, N failed" counted from Vitest's JSON reports.
 * Usage: summary.ts STATUS REPORT [REPORT...]; a report that is missing is a failure. Every word of CI_MUST_NOT_SKIP must be part of the file name or title of a test that
 * passed and of none that was skipped; otherwise it counts as a failure.
 */
import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message?: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

const [status, ...reportPaths] = process.argv.slice(2);
let passed = 0;
let failed = 0;
const results = reportPaths.flatMap((path) => {
  if (existsSync(path)) return (JSON.parse(readFileSync(path, 'utf8')) as Report).testResults;
  failed++;
  console.log(`there is no report at ${path}`);
  return [];
});
const ran: string[] = [];
const skipped: string[] = [];
for (const file of results) {
  const path = relative(process.cwd(), file.name);
  // A file that does not load has no tests to count, and must not look like success.
  if (file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed')) {
    failed++;
    console.log(`failed to run: ${path}`);
  }
  for (const test of file.assertionResults) {
    const name = `${path}: ${test.fullName}`;
    if (test.status === 'passed') {
      passed++;
      ran.push(name.toLowerCase());
    } else if (test.status === 'failed') {
      failed++;
      console.log(`failed: ${name}`);
    } else {
      skipped.push(name);
      console.log(`skipped: ${name}`);
    }
  }
}
for (const word of (process.env.CI_MUST_NOT_SKIP ?? '')
  .toLowerCase()
  .split(/[\s,]+/)
  .filter(Boolean)) {
  const missing = !ran.some((name) => name.includes(word));
  const some = skipped.filter((name) => name.toLowerCase().includes(word));
  if (!missing && some.length === 0) continue;
  failed++;
  console.log(`CI_MUST_NOT_SKIP: ${word} ${missing ? 'did not run' : `was skipped: ${some[0]}`}`);
}
if (failed === 0 && status !== '0') {
  failed++;
  console.log(`the test command ended with status ${status}`);
}
if (passed === 0) {
  failed = Math.max(1, failed);
  console.log('no test passed');
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
