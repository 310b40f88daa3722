import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** One step of the schema: brings a database from version `version - 1` to `version`. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}

const FOLDER = fileURLToPath(new URL('./migrations/', import.meta.url));

/**
 * Reads `NNNN_name.sql` files in order.
 * @throws when a number is missing or there twice: a gap would silently skip a step on somebody's project.
 */
export function loadMigrations(folder: string = FOLDER): readonly Migration[] {
  const files = readdirSync(folder).sort();
  return files.map((file, index) => {
    const match = /^(\d{4})_([a-z0-9-]+)\.sql$/.exec(file);
    const version = Number(match?.[1]);
    if (match?.[2] === undefined) throw new Error(`${join(folder, file)}: migrations are named NNNN_name.sql`);
    if (version !== index + 1) throw new Error(`${join(folder, file)}: expected number ${index + 1}, found ${version}`);
    return { version, name: match[2], sql: readFileSync(join(folder, file), 'utf8') };
  });
}
