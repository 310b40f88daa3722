/**
 * Path of a file for another program: in a desktop package our modules live in an archive that only Electron can read, and what
 * plain Node needs lies beside it under the same name (see electron-builder.yml, asarUnpack).
 */
export function unpacked(path: string): string {
  return path.replace(/\bapp\.asar(?=[\\/])/, 'app.asar.unpacked');
}
