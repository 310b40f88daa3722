import './frames.css';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { type Failure, OBJECT_MASKS } from '../../../contract/index.ts';
import { commandById, formatChord, isMac, runCommand } from '../../commands/index.ts';
import {
  failureOf,
  useCommandHandler,
  useRecords,
  useSegment,
  useSelection,
  useSession,
  useStudio,
  useView,
  type ViewState,
} from '../../state/index.ts';
import { useHasLift } from '../../tools/index.ts';
import {
  Badge,
  Button,
  EmptyState,
  ErrorState,
  formatFixed,
  formatPercent,
  IconButton,
  LoadingState,
  objectColor,
  Segments,
  Select,
  Slider,
  Spinner,
} from '../../ui/index.ts';
import { heatGradient } from './heat.ts';
import { MaskRow, useMaskChoice } from './mask-row.tsx';
import type { MaskLayer } from './overlay.ts';
import { Painter, type PainterStatus } from './painter.ts';
import { RelevancyRow, useRelevancyLooks } from './relevancy-row.tsx';

type Base = ViewState['frames']['base'];

const LAYERS: readonly { readonly value: Base; readonly label: string }[] = [
  { value: 'photo', label: 'Photo' },
  { value: 'render', label: 'Render' },
  { value: 'residual', label: 'Residual' },
  { value: 'depth', label: 'Depth' },
];
const NO_STATUS: PainterStatus = {
  scale: 1,
  loading: false,
  failure: null,
  depth: null,
  pointer: null,
  heat: false,
  relevancy: false,
};
const UNTRAINED: Failure = {
  code: 'not-found',
  message: 'There is no model to draw this frame with.',
  hint: 'Train splats first; the photo can be seen meanwhile.',
};

export function FramesPanel() {
  const studio = useStudio();
  const captureId = useSession((state) => state.project?.currentCaptureId ?? null);
  const frames = useRecords((state) => state.frames);
  if (captureId === null) {
    return (
      <div className="ui-panel">
        <EmptyState
          icon="image"
          title="No photos yet"
          actions={
            <Button variant="primary" icon="import" onClick={() => runCommand(studio, 'capture.import')}>
              Import a capture
            </Button>
          }
        >
          Import a posed capture (COLMAP, nerfstudio, instant-ngp, EPIC-Fields). Its photos are shown here, with
          renders, depth and masks over them.
        </EmptyState>
      </div>
    );
  }
  if (frames.status === 'error') return <ErrorState failure={frames.failure} />;
  if (frames.status !== 'ready') return <LoadingState label="Loading frames" />;
  return <FrameView captureId={captureId} />;
}

function FrameView({ captureId }: { captureId: number }) {
  const studio = useStudio();
  const splatsId = useSession((state) => state.project?.currentSplatsId ?? null);
  const frames = useRecords((state) => state.frames);
  const objects = useRecords((state) => state.objects);
  const view = useView((state) => state.frames);
  const segmenting = useSegment((state) => state.active);
  const hasLift = useHasLift();
  const choice = useMaskChoice(captureId);
  const [status, setStatus] = useState(NO_STATUS);
  const canvasRef = useRef<HTMLCanvasElement>(null);
  const painterRef = useRef<Painter | null>(null);

  const selected = useSelection((state) => state.objects.at(-1) ?? null);
  const heat = view.heat && hasLift ? selected : null;
  const relevancy = useRelevancyLooks();
  const colors = useMemo(() => {
    const list = objects.status === 'ready' ? objects.value.objects : [];
    return new Map(list.map(({ id, color, hidden }) => [id, hidden ? null : color]));
  }, [objects]);
  const { shown, before } = choice;
  const [masksLayer, beforeLayer] = useMemo(() => {
    const layer = (set: string | null): MaskLayer | null =>
      set === null
        ? null
        : { set, colorOf: (id) => (set === OBJECT_MASKS ? (colors.get(id) ?? null) : objectColor(id - 1)) };
    return [layer(shown), layer(before)];
  }, [shown, before, colors]);
  const revision = objects.status === 'ready' ? objects.value.revision : 0;

  useEffect(() => {
    const canvas = canvasRef.current;
    if (canvas === null) return;
    const painter = new Painter(canvas, studio, setStatus);
    painterRef.current = painter;
    return () => {
      painterRef.current = null;
      painter.dispose();
    };
  }, [studio]);
  useEffect(() => {
    if (frames.status !== 'ready') return;
    painterRef.current?.setSource({
      frames: frames.value,
      splatsId,
      masks: masksLayer,
      before: beforeLayer,
      revision,
      heat,
      relevancy,
    });
  }, [frames, splatsId, masksLayer, beforeLayer, revision, heat, relevancy]);

  useCommandHandler(
    'frames.fit',
    useCallback(() => painterRef.current?.fit(), []),
  );
  useCommandHandler(
    'frames.pixels',
    useCallback(() => painterRef.current?.onePixelPerPixel(), []),
  );

  const needsModel =
    splatsId === null && (view.base !== 'photo' || (view.compare !== 'off' && view.compareWith !== 'photo'));
  const failure = needsModel ? UNTRAINED : status.failure === null ? null : failureOf(status.failure);
  return (
    <div className="ui-panel">
      <FramesToolbar hasModel={splatsId !== null} />
      {view.compare !== 'off' && <CompareRow hasModel={splatsId !== null} />}
      {view.instances && <MaskRow choice={choice} />}
      <RelevancyRow />
      <div className="frames-view">
        <canvas
          ref={canvasRef}
          data-testid="frames-canvas"
          data-loading={status.loading}
          data-relevancy={status.relevancy && relevancy.length > 0}
          {...(segmenting
            ? {
                tabIndex: 0,
                role: 'application',
                'aria-label': 'Frame: arrows move a cross, Space puts a click on the object, minus a click off it',
              }
            : {})}
        />
        {failure !== null && (
          <div className="frames-failure">
            <ErrorState
              failure={failure}
              actions={
                needsModel ? (
                  <Button onClick={() => runCommand(studio, 'train.splats')}>Train splats…</Button>
                ) : failure.code === 'not-found' ? (
                  <Button onClick={() => studio.openDialog({ kind: 'relink', captureId })}>Find moved photos…</Button>
                ) : undefined
              }
            />
          </div>
        )}
        {view.base === 'depth' && status.depth !== null && failure === null && (
          <div className="frames-depth tabular">
            <span>{formatFixed(status.depth.near, 2)}</span>
            <span className="frames-ramp" />
            <span>{formatFixed(status.depth.far, 2)}</span>
          </div>
        )}
        {view.heat && failure === null && (
          <HeatLegend selected={selected} shown={status.heat} hasLift={hasLift} hasModel={splatsId !== null} />
        )}
        <span className="frames-busy" data-busy={status.loading}>
          <Spinner label="Loading the image" />
        </span>
      </div>
      <StatusLine status={status} />
    </div>
  );
}

function keysOf(id: string): { keys: string } {
  return { keys: formatChord(commandById(id).keys[0] ?? '', isMac()) };
}

function FramesToolbar({ hasModel }: { hasModel: boolean }) {
  const studio = useStudio();
  const view = useView((state) => state.frames);
  const segmenting = useSegment((state) => state.active);
  return (
    <div className="ui-toolbar frames-toolbar" role="toolbar" aria-label="Frames">
      <Segments
        label="Shown"
        value={view.base}
        options={layersFor(hasModel)}
        onChange={(base) => studio.setFramesView({ base })}
      />
      <span className="ui-toolbar-rule" />
      <IconButton
        icon="blend"
        label="Blend with another image"
        {...keysOf('frames.compare')}
        disabled={!hasModel}
        pressed={view.compare === 'blend'}
        onClick={() => studio.setFramesView({ compare: view.compare === 'blend' ? 'off' : 'blend' })}
      />
      <IconButton
        icon="split"
        label="Split with another image"
        {...keysOf('frames.compare')}
        disabled={!hasModel}
        pressed={view.compare === 'split'}
        onClick={() => studio.setFramesView({ compare: view.compare === 'split' ? 'off' : 'split' })}
      />
      <span className="ui-toolbar-gap" />
      <IconButton
        icon="wand"
        label="Click to segment"
        {...keysOf('tools.segment')}
        disabled={!hasModel}
        pressed={segmenting}
        onClick={() => runCommand(studio, 'tools.segment')}
      />
      <IconButton
        icon="heat"
        label="Heat map of the selected object"
        {...keysOf('frames.heat')}
        disabled={!hasModel}
        pressed={view.heat}
        onClick={() => runCommand(studio, 'frames.heat')}
      />
      <IconButton
        icon="layers"
        label="Show masks"
        {...keysOf('frames.instances')}
        pressed={view.instances}
        onClick={() => runCommand(studio, 'frames.instances')}
      />
    </div>
  );
}

function CompareRow({ hasModel }: { hasModel: boolean }) {
  const studio = useStudio();
  const view = useView((state) => state.frames);
  const blend = view.compare === 'blend';
  return (
    <div className="frames-row">
      <Select<Base>
        label="Compare with"
        hideLabel
        value={view.compareWith}
        options={layersFor(hasModel)}
        onChange={(compareWith) => studio.setFramesView({ compareWith })}
      />
      <Slider
        label={blend ? 'Blend' : 'Position of the split'}
        hideLabel
        value={blend ? view.blend : view.split}
        onChange={(value) => studio.setFramesView(blend ? { blend: value } : { split: value })}
      />
    </div>
  );
}

function layersFor(hasModel: boolean) {
  return LAYERS.map((layer) => ({ ...layer, disabled: layer.value !== 'photo' && !hasModel }));
}

function StatusLine({ status }: { status: PainterStatus }) {
  const studio = useStudio();
  const frame = useSelection((state) => state.frame);
  const frames = useRecords((state) => state.frames);
  const metrics = useRecords((state) => state.metrics);
  const name = frames.status === 'ready' ? frames.value.names[frame] : undefined;
  const heldOut = frames.status === 'ready' && frames.value.holdout[frame] === 1;
  const quality = metrics.status === 'ready' ? metrics.value.frames.find((one) => one.name === name) : undefined;
  const { pointer } = status;
  return (
    <div className="frames-status">
      <span className="frames-name" title={name}>
        {name}
      </span>
      {heldOut && <Badge>held out</Badge>}
      {quality !== undefined && (
        <span className="tabular">
          {formatFixed(quality.psnr, 2, 'dB')} · SSIM {formatFixed(quality.ssim, 3)}
        </span>
      )}
      <span className="ui-toolbar-gap" />
      <span className="frames-pointer tabular">
        {pointer === null ? '' : `${pointer.x}, ${pointer.y}`}
        {pointer === null || pointer.rgb === null ? '' : ` · ${pointer.rgb.join(' ')}`}
      </span>
      <span className="frames-zoom tabular">{formatPercent(status.scale)}</span>
      <IconButton
        icon="fit"
        size="small"
        label="Fit"
        {...keysOf('frames.fit')}
        onClick={() => runCommand(studio, 'frames.fit')}
      />
      <IconButton
        icon="zoom"
        size="small"
        label="One to one"
        {...keysOf('frames.pixels')}
        onClick={() => runCommand(studio, 'frames.pixels')}
      />
    </div>
  );
}

interface HeatLegendProps {
  selected: number | null;
  shown: boolean;
  hasLift: boolean;
  hasModel: boolean;
}

/** What the colours mean, or why there are none. */
function HeatLegend({ selected, shown, hasLift, hasModel }: HeatLegendProps) {
  const studio = useStudio();
  const objects = useRecords((state) => state.objects);
  const [gradient] = useState(heatGradient);
  const name = objects.status === 'ready' ? objects.value.objects.find(({ id }) => id === selected)?.name : undefined;
  if (!hasLift || selected === null) {
    return (
      <div className="frames-legend" role="status">
        <span>
          {hasLift
            ? 'Select an object to see how much of each pixel is its own.'
            : 'A heat map needs objects that are lifted on this model.'}
        </span>
        {!hasLift && hasModel && (
          <Button size="small" onClick={() => runCommand(studio, 'lift.objects')}>
            Lift objects…
          </Button>
        )}
      </div>
    );
  }
  return (
    <div className="frames-legend tabular" aria-busy={!shown}>
      <span className="frames-legend-name">{name ?? `object ${selected}`}</span>
      <span>0 %</span>
      <span className="frames-ramp" style={{ background: gradient }} />
      <span>100 % of the pixel</span>
    </div>
  );
}
