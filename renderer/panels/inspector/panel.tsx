import './inspector.css';
import { useEffect, useMemo, useState } from 'react';
import { type SelectionState, useRecords, useSelection, useSession, useStudio } from '../../state/index.ts';
import { EmptyState, ErrorState, LoadingState, Segments } from '../../ui/index.ts';
import { FrameInspector } from './frame.tsx';
import { ObjectsInspector } from './objects.tsx';
import { PointInspector } from './point.tsx';
import { ProjectInspector } from './project.tsx';

type Subject = SelectionState['subject'] | 'project';

/** What was selected last, with its numbers; the project when asked for, or where there is nothing else. */
export function InspectorPanel() {
  const studio = useStudio();
  const project = useSession((state) => state.project);
  const frames = useRecords((state) => state.frames);
  const records = useRecords((state) => state.objects);
  const selection = useSelection((state) => state.subject);
  const ids = useSelection((state) => state.objects);
  const point = useSelection((state) => state.point);
  const [wantsProject, setWantsProject] = useState(false);

  // A selection made anywhere is what the user looks at now. A step to another frame is not: it plays on by itself.
  // biome-ignore lint/correctness/useExhaustiveDependencies: runs when one of these changes
  useEffect(() => setWantsProject(false), [ids, point]);

  const selected = useMemo(() => {
    const byId = new Map(records.status === 'ready' ? records.value.objects.map((object) => [object.id, object]) : []);
    return ids.flatMap((id) => byId.get(id) ?? []);
  }, [records, ids]);

  if (project === null)
    return (
      <div className="ui-panel">
        <EmptyState icon="info" title="Nothing to inspect">
          Open a project to see its captures, models and history here.
        </EmptyState>
      </div>
    );
  const captureId = project.currentCaptureId;
  const possible: Record<Subject, boolean> = {
    frame: captureId !== null,
    objects: selected.length > 0,
    point: point !== null,
    project: true,
  };
  const wanted: Subject = wantsProject ? 'project' : selection;
  const subject: Subject = possible[wanted] ? wanted : possible.frame ? 'frame' : 'project';

  return (
    <div className="ui-panel">
      <div className="ui-toolbar inspector-bar" role="toolbar" aria-label="Inspector">
        <Segments<Subject>
          label="Inspect"
          value={subject}
          onChange={(next) => {
            setWantsProject(next === 'project');
            if (next !== 'project') studio.selection.setState({ subject: next });
          }}
          options={[
            { value: 'frame', label: 'Frame', disabled: !possible.frame },
            { value: 'objects', label: selected.length > 1 ? 'Objects' : 'Object', disabled: !possible.objects },
            { value: 'point', label: 'Point', disabled: !possible.point },
            { value: 'project', label: 'Project' },
          ]}
        />
      </div>
      <div className="ui-panel-body">
        <div className="inspector">
          {subject === 'project' && <ProjectInspector project={project} />}
          {subject === 'objects' && <ObjectsInspector selected={selected} />}
          {subject === 'point' && point !== null && <PointInspector point={point} />}
          {subject === 'frame' &&
            captureId !== null &&
            (frames.status === 'error' ? (
              <ErrorState failure={frames.failure} />
            ) : frames.status !== 'ready' || frames.value.captureId !== captureId ? (
              <LoadingState label="Loading frames" />
            ) : (
              <FrameInspector frames={frames.value} captureId={captureId} />
            ))}
        </div>
      </div>
    </div>
  );
}
