import { expect, test } from 'vitest';
import { unpacked } from './unpacked.ts';

test('only the archive in the path is renamed', () => {
  expect(unpacked('/opt/Liftscope/resources/app.asar/worker/host/main.ts')).toBe(
    '/opt/Liftscope/resources/app.asar.unpacked/worker/host/main.ts',
  );
  expect(unpacked('C:\\L\\app.asar\\main.ts')).toBe('C:\\L\\app.asar.unpacked\\main.ts');
  for (const path of ['/home/me/liftscope/worker/host/main.ts', '/x/app.asar.unpacked/main.ts', '/x/my-app.asarx/a']) {
    expect(unpacked(path)).toBe(path);
  }
});
