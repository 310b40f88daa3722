/** The browser shell by itself: `node main/server.ts [PROJECT] [--port N] [--root DIR]... [--json]`, as `liftscope studio --browser`. */
import { main } from './cli/index.ts';

process.exitCode = await main(['studio', '--browser', ...process.argv.slice(2)]);
