import { mkdirSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import type Database from 'better-sqlite3';
import { LiftscopeError } from '../../contract/index.ts';
import { FieldTable, MaskSetTable, ModelTable, QueryTable } from './analysis.ts';
import { ArtifactStore } from './artifacts.ts';
import { type BackupOptions, type BackupReport, backUp, checkProject, type ProjectCheck } from './backup.ts';
import { CaptureTable } from './captures.ts';
import { createDatabase, openDatabase } from './database.ts';
import { EditHistory } from './edits.ts';
import { JobRecords } from './job-records.ts';
import { JobTable } from './jobs.ts';
import { loadMigrations, type Migration } from './migrations.ts';
import type { IdKind, Revision } from './records.ts';
import { Relinker } from './relink.ts';
import { SettingTable } from './settings.ts';
import { SplatsTable } from './splats.ts';
import { SqliteRecordStore } from './sqlite-records.ts';
import { MaskView, ObjectView, ObservationView, TrackView } from './views.ts';

const DATABASE = 'project.sqlite';

/**
 * A project: a folder with `project.sqlite` and `artifacts/`. Everything the studio knows about a scene is in here, except
 * the photos of a capture that needed no change at import.
 */
export class Project implements Disposable {
  /** Absolute path of the project's folder. */
  readonly folder: string;
  readonly artifacts: ArtifactStore;
  readonly captures: CaptureTable;
  readonly jobs: JobTable;
  readonly splats: SplatsTable;
  readonly settings: SettingTable;
  readonly objects: ObjectView;
  readonly tracks: TrackView;
  readonly masks: MaskView;
  readonly observations: ObservationView;
  /** What a person does; with undo. */
  readonly edits: EditHistory;
  /** What jobs find; never over what a person did. */
  readonly jobRecords: JobRecords;
  readonly maskSets: MaskSetTable;
  readonly fields: FieldTable;
  readonly queries: QueryTable;
  readonly models: ModelTable;
  readonly relink: Relinker;
  private readonly db: Database.Database;
  private readonly records: SqliteRecordStore;

  constructor(folder: string, db: Database.Database) {
    this.folder = folder;
    this.db = db;
    this.artifacts = new ArtifactStore(join(folder, 'artifacts'));
    this.captures = new CaptureTable(db, this.artifacts);
    this.jobs = new JobTable(db);
    this.splats = new SplatsTable(db);
    this.settings = new SettingTable(db);
    this.records = new SqliteRecordStore(db);
    this.objects = new ObjectView(this.records, db);
    this.tracks = new TrackView(this.records);
    this.masks = new MaskView(this.records);
    this.observations = new ObservationView(this.records, db);
    this.edits = new EditHistory(this.records);
    this.jobRecords = new JobRecords(this.records);
    this.maskSets = new MaskSetTable(db);
    this.fields = new FieldTable(db);
    this.queries = new QueryTable(db);
    this.models = new ModelTable(db);
    this.relink = new Relinker(db);
  }

  /** How far the project has come and when it was last saved: every committed change is saved. */
  get revision(): Revision {
    return this.records.revision();
  }

  /** The first of `count` consecutive new ids, which are never given again. */
  newIds(kind: IdKind, count = 1): number {
    return this.records.transaction(() => this.records.nextIds(kind, count));
  }

  /** Absolute path of a folder inside the project that a table names by its relative path. */
  insidePath(relativePath: string): string {
    const path = resolve(this.folder, relativePath);
    if (relative(this.folder, path).split(sep)[0] === '..' || path === this.folder) {
      throw new LiftscopeError({ code: 'damaged-project', message: `${relativePath} leads out of the project.` });
    }
    return path;
  }

  /**
   * A snapshot while the project stays open: a new folder that opens as a project.
   * @throws LiftscopeError `bad-input` when `path` exists or cannot be written
   */
  backup(path: string, options: BackupOptions = {}): Promise<BackupReport> {
    return backUp(this.db, this.artifacts, DATABASE, path, options);
  }

  /** Reads and checks everything the project holds. */
  check(signal?: AbortSignal): Promise<ProjectCheck> {
    return checkProject(this.db, this.artifacts, signal);
  }

  close(): void {
    this.db.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

export interface OpenOptions {
  /** Make an empty project when there is none. */
  readonly create?: boolean;
  /** Another connection of this program has just checked the file and is open: looking through all of it again can be spared. */
  readonly checked?: boolean;
  /** Stand-in for the program's own schema steps, for tests of the migration itself. */
  readonly migrations?: readonly Migration[];
}

/**
 * Opens the project in `folder`.
 * @throws LiftscopeError `not-found`, `newer-project`, `damaged-project`
 */
export async function openProject(folder: string, options: OpenOptions = {}): Promise<Project> {
  const migrations = options.migrations ?? loadMigrations();
  const root = resolve(folder);
  const file = join(root, DATABASE);
  if (options.create === true) {
    try {
      mkdirSync(join(root, 'artifacts'), { recursive: true });
    } catch (error) {
      throw new LiftscopeError({
        code: 'bad-input',
        message: `${root} cannot be made into a project: ${error instanceof Error ? error.message : String(error)}`,
        hint: 'Name a folder that you may write to: --project DIR',
      });
    }
    createDatabase(file, migrations);
  }
  const project = new Project(root, openDatabase(file, migrations, options.checked));
  await project.artifacts.sweep();
  return project;
}
