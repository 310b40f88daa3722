import type Database from 'better-sqlite3';
import type { z } from 'zod';
import { fromJson } from './rows.ts';

/** Key-value settings of a project. */
export class SettingTable {
  private readonly db: Database.Database;

  constructor(db: Database.Database) {
    this.db = db;
  }

  /** Undefined when the key is not set, or set to something the schema does not know (a setting of another version). */
  get<T extends z.ZodType>(key: string, schema: T): z.infer<T> | undefined {
    const text = this.db.prepare('SELECT value_json FROM settings WHERE key = ?').pluck().get(key);
    return text === undefined ? undefined : schema.safeParse(fromJson(text)).data;
  }

  set(key: string, value: z.core.util.JSONType): void {
    this.db
      .prepare(
        'INSERT INTO settings (key, value_json) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value_json = excluded.value_json',
      )
      .run(key, JSON.stringify(value));
  }

  delete(key: string): void {
    this.db.prepare('DELETE FROM settings WHERE key = ?').run(key);
  }
}
