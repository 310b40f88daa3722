import './timeline.css';
import { useMemo } from 'react';
import { OBSERVATION_STATES } from '../../../contract/index.ts';
import { commandById, formatChord, isMac, runCommand } from '../../commands/index.ts';
import { useRecords, useSelection, useSession, useStudio } from '../../state/index.ts';
import { Button, EmptyState, ErrorState, formatCount, IconButton, LoadingState, Note, plural } from '../../ui/index.ts';
import { TimelineCanvas } from './canvas.tsx';
import { CorrectionBar } from './correction-bar.tsx';
import type { Lanes } from './observations.ts';
import { useLanes } from './use-lanes.ts';

export function TimelinePanel() {
  const studio = useStudio();
  const captureId = useSession((state) => state.project?.currentCaptureId ?? null);
  const frames = useRecords((state) => state.frames);
  const metrics = useRecords((state) => state.metrics);
  const objects = useRecords((state) => state.objects);
  const { lanes, failure } = useLanes();

  const holdout = frames.status === 'ready' ? frames.value.holdout : undefined;
  const error = useMemo(() => {
    if (frames.status !== 'ready' || metrics.status !== 'ready' || metrics.value.frames.length === 0) return null;
    const psnr = new Map(metrics.value.frames.map((frame) => [frame.name, frame.psnr]));
    const sorted = [...psnr.values()].sort((a, b) => a - b);
    const low = sorted[Math.floor(sorted.length * 0.05)] ?? 0;
    const high = sorted[Math.ceil(sorted.length * 0.95) - 1] ?? 0;
    return Float32Array.from(frames.value.names, (name) => {
      const value = psnr.get(name);
      return value === undefined
        ? Number.NaN
        : high > low
          ? Math.max(0, Math.min(1, (high - value) / (high - low)))
          : 0;
    });
  }, [frames, metrics]);

  if (captureId === null) {
    return (
      <div className="ui-panel">
        <EmptyState
          icon="timeline"
          title="No frames yet"
          actions={
            <Button variant="primary" icon="import" onClick={() => runCommand(studio, 'capture.import')}>
              Import a capture
            </Button>
          }
        >
          Frames run from left to right here, with a lane for every object: where it is seen, occluded, out of view or
          absent.
        </EmptyState>
      </div>
    );
  }
  const list = objects.status === 'ready' ? objects.value.objects : [];
  return (
    <div className="ui-panel">
      <TimelineToolbar lanes={lanes} objects={list.length} />
      {list.length > 0 && <CorrectionBar lanes={lanes} />}
      {frames.status === 'error' ? (
        <ErrorState failure={frames.failure} />
      ) : holdout === undefined ? (
        <LoadingState label="Loading frames" />
      ) : (
        <TimelineCanvas lanes={lanes} objects={list} holdout={holdout} error={error} />
      )}
      {failure !== null && (
        <div className="timeline-failure" role="alert">
          <Note tone="bad">
            {failure.message} {failure.hint}
          </Note>
        </div>
      )}
    </div>
  );
}

function TimelineToolbar({ lanes, objects }: { lanes: Lanes | null; objects: number }) {
  const studio = useStudio();
  const playing = useSelection((state) => state.playing);
  const frame = useSelection((state) => state.frame);
  const count = useSelection((state) => state.frameCount);
  const name = useRecords((state) => (state.frames.status === 'ready' ? state.frames.value.names[frame] : undefined));
  const keys = (id: string): string => formatChord(commandById(id).keys[0] ?? '', isMac());
  return (
    <div className="ui-toolbar" role="toolbar" aria-label="Timeline">
      <IconButton
        icon="chevron-left"
        label="Previous frame"
        keys={keys('go.previous')}
        onClick={() => studio.step(-1)}
      />
      <IconButton
        icon={playing ? 'pause' : 'play'}
        label={playing ? 'Pause' : 'Play'}
        keys={keys('go.play')}
        onClick={() => runCommand(studio, 'go.play')}
      />
      <IconButton icon="chevron-right" label="Next frame" keys={keys('go.next')} onClick={() => studio.step(1)} />
      <span className="timeline-position tabular">
        {count === 0 ? '–' : `${formatCount(frame + 1)} / ${formatCount(count)}`}
      </span>
      <span className="timeline-name">{name}</span>
      <span className="ui-toolbar-gap" />
      <ul className="timeline-legend" aria-label="Legend">
        {OBSERVATION_STATES.map((state) => (
          <li key={state} data-state={state}>
            {state.replaceAll('-', ' ')}
          </li>
        ))}
        <li data-state="carried">carried over</li>
        <li data-state="switch">id switch</li>
      </ul>
      <span className="timeline-count tabular">
        {plural(objects, 'object')}
        {lanes === null ? '' : ` · ${plural(lanes.observations, 'observation')}`}
      </span>
    </div>
  );
}
