import type { PreparedCapture, ProjectState } from '../../contract/index.ts';
import { LiftscopeError } from '../../contract/index.ts';
import { openProject, type Project, type StoredCapture } from '../project/index.ts';
import type { EventHub } from './events.ts';
import type { HostOptions } from './host.ts';
import { projectState } from './state.ts';

/** The open project with what runs on it. */
export class Session {
  readonly project: Project;
  private readonly captures = new Map<number, StoredCapture>();

  constructor(project: Project) {
    this.project = project;
  }

  state(): ProjectState {
    return projectState(this.project);
  }

  capture(id: number): PreparedCapture {
    let stored = this.captures.get(id);
    if (stored === undefined) {
      stored = this.project.captures.get(id);
      if (stored === undefined) throw new LiftscopeError({ code: 'not-found', message: `There is no capture ${id}.` });
      this.captures.set(id, stored);
    }
    return stored.capture;
  }

  async close(): Promise<void> {
    this.project.close();
  }
}

export async function openSession(
  folder: string,
  { create }: { create: boolean; events: EventHub; options: HostOptions },
): Promise<Session> {
  return new Session(await openProject(folder, { create }));
}
