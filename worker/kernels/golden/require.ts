/**
 * First step of `npm run test:golden`: says which golden values the tests will read, and exits with 1 when a folder
 * was named that holds none. Silence there would read as success.
 */
import { goldenFolder, loadOwnSplatCases, noCasesMessage, splatCaseFiles } from './load.ts';

const folder = goldenFolder();
const files = splatCaseFiles(folder);
const own = loadOwnSplatCases();
if (files.length > 0) {
  console.log(`Golden values: ${files.length} splat cases in ${folder.path}, and ${own.length} of our own.`);
} else if (folder.named) {
  console.error(noCasesMessage(folder));
  process.exitCode = 1;
} else {
  console.log(
    `Golden values: ${folder.path} holds none; only the project's ${own.length} small cases are tested. ` +
      'Name a folder in LIFTSCOPE_GOLDEN to test against more.',
  );
}
