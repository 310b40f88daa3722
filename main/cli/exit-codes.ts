import type { FailureCode } from '../../contract/index.ts';

export const EXIT_OK = 0;
const EXIT_USAGE = 2;

/** The exit code of each failure; listed in `--help`. */
export function exitCodeOf(code: FailureCode): number {
  switch (code) {
    case 'internal':
    case 'protocol':
      return 1;
    case 'usage':
      return EXIT_USAGE;
    case 'bad-input':
    case 'not-found':
    case 'newer-project':
    case 'damaged-project':
      return 3;
    case 'cancelled':
      return 4;
    case 'crashed':
    case 'killed':
    case 'out-of-memory':
    case 'disk-full':
    case 'not-responding':
      return 5;
    case 'no-backend':
    case 'unsupported':
      return 6;
    default:
      return code satisfies never;
  }
}

export const EXIT_CODE_HELP = `
Exit codes:
  0  done (a benchmark that ran but missed a target is done; see its "targets")
  1  internal failure
  2  wrong usage
  3  bad input: a capture, project or file that is missing, damaged or of a newer version
  4  cancelled (Ctrl-C); a training has written a checkpoint, unless Ctrl-C was pressed twice
  5  the worker process crashed, was killed, ran out of memory or disk space, or hung
  6  this machine lacks something: Node 24, or the backend that was asked for

With --json, stdout holds exactly one JSON document, also for a failure: {"error": {"code", "message", "hint"}}.
"npm run" prints a banner of its own on stdout; for --json use: npm run --silent liftscope -- VERB --json`;
