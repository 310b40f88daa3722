/**
 * Prints what was skipped, by name, and a last line "N passed, N failed" counted from the JSON reports of both test runners.
 * Usage: summary.ts STATUS REPORT [REPORT...]; a report that is missing is a failure. Every word of CI_MUST_NOT_SKIP must be part of the file name or
 * title of a test that passed and of none that was skipped; otherwise it counts as a failure.
 */
import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';

interface VitestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

interface PlaywrightSuite {
  readonly suites?: readonly PlaywrightSuite[];
  readonly specs?: readonly {
    readonly title: string;
    readonly file: string;
    readonly tests: readonly {
      readonly projectName: string;
      readonly status: 'expected' | 'unexpected' | 'flaky' | 'skipped';
      readonly annotations: readonly { readonly type: string; readonly description?: string }[];
    }[];
  }[];
}

interface PlaywrightReport extends PlaywrightSuite {
  readonly errors?: readonly { readonly message?: string }[];
}

const [status, ...reportPaths] = process.argv.slice(2);
let passed = 0;
let failed = 0;
const ran: string[] = [];
const skipped: string[] = [];

function count(name: string, outcome: 'passed' | 'failed' | 'skipped', why = ''): void {
  if (outcome === 'passed') {
    passed++;
    ran.push(name.toLowerCase());
  } else {
    if (outcome === 'failed') failed++;
    else skipped.push(name);
    console.log(`${outcome}: ${name}${why === '' ? '' : ` (${why})`}`);
  }
}

function countFiles({ testResults }: VitestReport): void {
  for (const file of testResults) {
    const path = relative(process.cwd(), file.name);
    // A file that does not load has no tests to count, and must not look like success.
    if (file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'))
      count(`${path} did not run`, 'failed');
    for (const test of file.assertionResults) {
      const outcome = test.status === 'passed' || test.status === 'failed' ? test.status : 'skipped';
      count(`${path}: ${test.fullName}`, outcome);
    }
  }
}

function countSuite(suite: PlaywrightSuite): void {
  for (const inner of suite.suites ?? []) countSuite(inner);
  for (const { title, file, tests } of suite.specs ?? []) {
    for (const { projectName, status: outcome, annotations } of tests) {
      // `e2e` in CI_MUST_NOT_SKIP means the browser shell: the Electron binary is not installed where this runs.
      const name = projectName === 'browser' ? `e2e/${file}: ${title}` : `${projectName}, ${file}: ${title}`;
      const about = (type: string) =>
        annotations.filter((one) => one.type === type).map((one) => one.description ?? '');
      const outcomes = { expected: 'passed', skipped: 'skipped', unexpected: 'failed', flaky: 'passed' } as const;
      // Passed at the second attempt: counted, and named so that nobody takes it for steady.
      if (outcome === 'flaky') console.log(`flaky: ${name}`);
      count(name, outcomes[outcome], about('skip').join(', '));
      for (const figure of about('measured')) console.log(`measured: ${figure}`);
    }
  }
}

for (const path of reportPaths) {
  if (!existsSync(path)) {
    count(`there is no report at ${path}`, 'failed');
    continue;
  }
  const report = JSON.parse(readFileSync(path, 'utf8')) as VitestReport | PlaywrightReport;
  if ('testResults' in report) countFiles(report);
  else {
    countSuite(report);
    // What fails outside tests: a file that does not load, a setup.
    for (const { message = '' } of report.errors ?? []) count(`e2e: ${message.split('\n')[0]}`, 'failed');
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
