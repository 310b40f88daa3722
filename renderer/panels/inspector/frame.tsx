import { useMemo } from 'react';
import { type FrameColumns, type ObjectView, routes } from '../../../contract/index.ts';
import { runCommand } from '../../commands/index.ts';
import { useRecords, useSelection, useSession, useStudio } from '../../state/index.ts';
import { Badge, Button, errorColor, formatCount, formatFixed, Note, plural } from '../../ui/index.ts';
import { useLanes } from '../timeline/index.ts';
import { frameFacts, objectsInFrame, poseJson, qualityOf, vectorText } from './numbers.ts';
import { Chip, CopyButton, Fact, Section } from './parts.tsx';

/** Most objects named for one frame; the others are counted. */
const MAX_CHIPS = 24;
const NO_OBJECTS: readonly ObjectView[] = [];

export function FrameInspector({ frames, captureId }: { frames: FrameColumns; captureId: number }) {
  const studio = useStudio();
  const frame = useSelection((state) => state.frame);
  const capture = useSession((state) => state.project?.captures.find(({ id }) => id === captureId));
  const name = frames.names[frame] ?? '';
  const facts = useMemo(() => frameFacts(frames, frame), [frames, frame]);
  const seconds = frames.timestampsSeconds[frame] ?? null;
  const missing = capture?.missing.includes(name) === true;
  const { centre, forward, translation, quaternion } = facts;
  return (
    <>
      <button
        type="button"
        className="inspector-photo"
        style={{ aspectRatio: `${facts.width} / ${facts.height}` }}
        aria-label={`Show ${name} in Frames`}
        onClick={() => studio.showPanel('frames')}
      >
        {!missing && <img src={routes.photo(captureId, frames.ids[frame] ?? '', 320)} alt="" />}
      </button>
      <div className="inspector-title">
        <h2 className="selectable">{name}</h2>
        <Badge tone={frames.holdout[frame] === 1 ? 'accent' : 'neutral'}>
          {frames.holdout[frame] === 1 ? 'Held out' : 'Trained'}
        </Badge>
      </div>
      {missing && (
        <Note tone="warn">
          <p>This photo is no longer where it was imported from.</p>
          <Button size="small" onClick={() => studio.openDialog({ kind: 'relink', captureId })}>
            Find moved photos…
          </Button>
        </Note>
      )}
      <Section title="Image">
        <dl className="inspector-facts">
          <Fact name="Frame">
            {formatCount(frame + 1)} of {formatCount(frames.ids.length)}
          </Fact>
          <Fact name="Size">
            {formatCount(facts.width)} × {formatCount(facts.height)} px
          </Fact>
          {seconds !== null && <Fact name="Time">{formatFixed(seconds, 3, 's')}</Fact>}
          <Fact name="File" copy={`${capture?.sourcePath ?? ''}/${name}`}>
            <span className="selectable">{name}</span>
          </Fact>
        </dl>
      </Section>
      <QualitySection name={name} />
      <ObjectsSection frame={frame} />
      <Section title="Camera">
        <dl className="inspector-facts">
          <Fact name="Focal" copy={`${facts.fx} ${facts.fy}`}>
            {facts.fx.toFixed(2)} × {facts.fy.toFixed(2)} px
          </Fact>
          <Fact name="Centre" copy={`${facts.cx} ${facts.cy}`}>
            {facts.cx.toFixed(2)}, {facts.cy.toFixed(2)} px
          </Fact>
          <Fact name="View">
            {facts.fovX.toFixed(1)}° × {facts.fovY.toFixed(1)}°
          </Fact>
        </dl>
      </Section>
      <Section title="Pose" actions={<CopyButton label="Copy camera and pose as JSON" text={poseJson(name, facts)} />}>
        <dl className="inspector-facts">
          <Fact name="Position" copy={centre.join(' ')}>
            <Vector values={centre} digits={3} />
          </Fact>
          <Fact name="Looks along" copy={forward.join(' ')}>
            <Vector values={forward} digits={3} />
          </Fact>
          <Fact name="Translation" copy={translation.join(' ')}>
            <Vector values={translation} digits={3} />
          </Fact>
          <Fact name="Rotation" copy={quaternion.join(' ')}>
            <Vector values={quaternion} digits={3} />
          </Fact>
        </dl>
        <p className="inspector-note">World to camera, quaternion wxyz; x right, y down, z forward.</p>
      </Section>
    </>
  );
}

export function Vector({ values, digits }: { values: readonly number[]; digits: number }) {
  return <span className="inspector-vector selectable">{vectorText(values, digits)}</span>;
}

function QualitySection({ name }: { name: string }) {
  const studio = useStudio();
  const metrics = useRecords((state) => state.metrics);
  const hasSplats = useSession((state) => (state.project?.currentSplatsId ?? null) !== null);
  if (!hasSplats || metrics.status !== 'ready') return null;
  const quality = qualityOf(metrics.value, name);
  return (
    <Section title="Quality of the model here">
      {quality === null ? (
        <>
          <p className="inspector-note">This frame was not measured.</p>
          {metrics.value.frames.length === 0 && (
            <Button size="small" icon="chart" onClick={() => runCommand(studio, 'train.evaluate')}>
              Measure quality
            </Button>
          )}
        </>
      ) : (
        <dl className="inspector-facts">
          <Fact name="PSNR" copy={String(quality.psnr)}>
            <i
              className="inspector-dot"
              style={{ background: errorColor(quality.of < 2 ? 0 : 1 - (quality.rank - 1) / (quality.of - 1)) }}
            />
            {formatFixed(quality.psnr, 2, 'dB')}
          </Fact>
          <Fact name="SSIM" copy={String(quality.ssim)}>
            {formatFixed(quality.ssim, 4)}
          </Fact>
          <Fact name="Rank">
            {quality.rank === 1
              ? `worst of ${formatCount(quality.of)}`
              : `${formatCount(quality.rank)} of ${formatCount(quality.of)}, worst first`}
          </Fact>
        </dl>
      )}
    </Section>
  );
}

function ObjectsSection({ frame }: { frame: number }) {
  const studio = useStudio();
  const { lanes } = useLanes();
  const objects = useRecords((state) => (state.objects.status === 'ready' ? state.objects.value.objects : NO_OBJECTS));
  const byId = useMemo(() => new Map(objects.map((object) => [object.id, object])), [objects]);
  if (lanes === null) return null;
  const seen = objectsInFrame(lanes, frame).flatMap((id) => byId.get(id) ?? []);
  return (
    <Section title={seen.length === 0 ? 'Objects' : `${plural(seen.length, 'object')} in sight`}>
      {seen.length === 0 ? (
        <p className="inspector-note">No object is seen in this frame.</p>
      ) : (
        <div className="inspector-chips">
          {seen.slice(0, MAX_CHIPS).map((object) => (
            <Chip key={object.id} color={object.color} onClick={() => studio.selectObjects([object.id])}>
              {object.name}
            </Chip>
          ))}
          {seen.length > MAX_CHIPS && (
            <span className="inspector-note">and {formatCount(seen.length - MAX_CHIPS)} more</span>
          )}
        </div>
      )}
    </Section>
  );
}
