import './scene.css';
import { useState } from 'react';
import { commandById, formatChord, isMac, runCommand } from '../../commands/index.ts';
import {
  useQueries,
  useRecords,
  useSegment,
  useSession,
  useStudio,
  useView,
  type ViewState,
} from '../../state/index.ts';
import { useHasLift } from '../../tools/index.ts';
import {
  Button,
  EmptyState,
  ErrorState,
  IconButton,
  type IconName,
  LoadingState,
  Segments,
  Select,
} from '../../ui/index.ts';
import { describeAdapter } from './adapter.ts';
import { Viewport } from './viewport.tsx';

type Toggle = 'splats' | 'points' | 'cameras' | 'objects' | 'followFrame';

const TOGGLES: readonly {
  readonly key: Toggle;
  readonly icon: IconName;
  readonly label: string;
  readonly command?: string;
}[] = [
  { key: 'splats', icon: 'cube', label: 'Show the splat model' },
  { key: 'points', icon: 'points', label: 'Show sparse points', command: 'scene.points' },
  { key: 'cameras', icon: 'camera', label: 'Show cameras', command: 'scene.cameras' },
  { key: 'objects', icon: 'layers', label: 'Show objects' },
];

export function ScenePanel() {
  const studio = useStudio();
  const project = useSession((state) => state.project);
  const frames = useRecords((state) => state.frames);
  const [adapter] = useState(describeAdapter);
  const capture = project?.captures.find(({ id }) => id === project.currentCaptureId);
  const splats = project?.splats.find(({ id }) => id === project.currentSplatsId) ?? null;

  if (capture === undefined) {
    return (
      <div className="ui-panel">
        <EmptyState
          icon="cube"
          title="Nothing to show in 3D yet"
          actions={
            <Button variant="primary" icon="import" onClick={() => runCommand(studio, 'capture.import')}>
              Import a capture
            </Button>
          }
        >
          Import a posed capture: its cameras and points appear here, and the splat model once it is trained.
        </EmptyState>
      </div>
    );
  }
  return (
    <div className="ui-panel">
      <SceneToolbar software={adapter.software} />
      {frames.status === 'error' ? (
        <ErrorState failure={frames.failure} />
      ) : frames.status !== 'ready' ? (
        <LoadingState label="Loading cameras" />
      ) : (
        <Viewport
          frames={frames.value}
          bounds={capture.bounds}
          captureId={capture.id}
          points={capture.points}
          splats={splats}
          adapter={adapter}
        />
      )}
    </div>
  );
}

function keysOf(command: string | undefined): { keys?: string } {
  const chord = command === undefined ? undefined : commandById(command).keys[0];
  return chord === undefined ? {} : { keys: formatChord(chord, isMac()) };
}

function SceneToolbar({ software }: { software: boolean }) {
  const studio = useStudio();
  const scene = useView((state) => state.scene);
  const segmenting = useSegment((state) => state.active);
  const hasSplats = useSession((state) => (state.project?.currentSplatsId ?? null) !== null);
  const hasLift = useHasLift();
  const hasQueries = useQueries((state) => state.layers.length > 0);
  return (
    <div className="ui-toolbar" role="toolbar" aria-label="Scene">
      {TOGGLES.map(({ key, icon, label, command }) => (
        <IconButton
          key={key}
          icon={icon}
          label={label}
          {...keysOf(command)}
          pressed={scene[key]}
          onClick={() => studio.setSceneView({ [key]: !scene[key] })}
        />
      ))}
      <span className="ui-toolbar-rule" />
      <Segments
        label="Navigation"
        value={scene.mode}
        options={[
          { value: 'orbit', label: 'Orbit', hint: 'Drag turns around the target (V)' },
          { value: 'fly', label: 'Fly', hint: 'Drag looks around, W A S D Q E move (V)' },
        ]}
        onChange={(mode) => studio.setSceneView({ mode })}
      />
      <IconButton
        icon="link"
        label="Camera follows the current frame"
        {...keysOf('scene.follow')}
        pressed={scene.followFrame}
        onClick={() => studio.setSceneView({ followFrame: !scene.followFrame })}
      />
      <span className="ui-toolbar-rule" />
      <IconButton
        icon="palette"
        label={`Tint splats by object: ${hasLift ? scene.tint : 'lift objects first'}`}
        {...keysOf('scene.tint')}
        disabled={!hasLift}
        pressed={scene.tint !== 'off'}
        onClick={() => runCommand(studio, 'scene.tint')}
      />
      <IconButton
        icon="isolate"
        label="Selected objects alone"
        {...keysOf('scene.isolate')}
        disabled={!hasLift}
        pressed={scene.isolate}
        onClick={() => runCommand(studio, 'scene.isolate')}
      />
      {hasQueries && (
        <IconButton
          icon="search"
          label="Relevancy of the open queries"
          {...keysOf('scene.relevancy')}
          pressed={scene.relevancy}
          onClick={() => runCommand(studio, 'scene.relevancy')}
        />
      )}
      <IconButton
        icon="wand"
        label="Click to segment"
        {...keysOf('tools.segment-anywhere')}
        disabled={!hasSplats}
        pressed={segmenting}
        onClick={() => runCommand(studio, 'tools.segment-anywhere')}
      />
      <span className="ui-toolbar-gap" />
      <div className="scene-renderer">
        <Select<ViewState['scene']['renderer']>
          label="Drawn by"
          hideLabel
          value={scene.renderer}
          options={[
            { value: 'auto', label: software ? 'Auto: images' : 'Auto: Spark' },
            { value: 'images', label: 'Our rasteriser' },
            { value: 'spark', label: 'Spark (WebGL)' },
          ]}
          onChange={(renderer) => studio.setSceneView({ renderer })}
        />
      </div>
      <IconButton
        icon="target"
        label="Focus on the selection"
        {...keysOf('scene.focus')}
        onClick={() => runCommand(studio, 'scene.focus')}
      />
      <IconButton
        icon="fit"
        label="Show everything"
        {...keysOf('scene.reset')}
        onClick={() => runCommand(studio, 'scene.reset')}
      />
    </div>
  );
}
