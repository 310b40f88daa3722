import { useCallback, useEffect, useMemo, useState } from 'react';
import type { ObjectView, ObservationState } from '../../../contract/index.ts';
import { commandById, formatChord, isMac, runCommand } from '../../commands/index.ts';
import { useRecords, useSelection, useStudio } from '../../state/index.ts';
import { Button, formatCount, formatPercent, IconButton } from '../../ui/index.ts';
import {
  ColourPicker,
  changeObjects,
  classNames,
  deleteObjects,
  isolateObjects,
  mergeObjects,
  toggleHidden,
  toggleLocked,
} from '../objects/index.ts';
import { useLanes } from '../timeline/index.ts';
import { Vector } from './frame.tsx';
import { nextSighting, sightingsOf, stateIn } from './numbers.ts';
import { Chip, Fact, Section, TextBox } from './parts.tsx';
import { FrameStrip } from './strip.tsx';

/** Most objects named one by one. */
const MAX_CHIPS = 40;

const PROVENANCE: Record<ObjectView['provenance'], string> = {
  human: 'By a person',
  model: 'By a model',
  lifted: 'Lifted from masks',
};

const STATES: Record<ObservationState, string> = {
  visible: 'Visible',
  occluded: 'Occluded',
  'out-of-view': 'Out of view',
  absent: 'Absent',
};

export function ObjectsInspector({ selected }: { selected: readonly ObjectView[] }) {
  const only = selected.length === 1 ? selected[0] : undefined;
  return only === undefined ? <SeveralObjects selected={selected} /> : <OneObject object={only} />;
}

function useClasses(): readonly string[] {
  const objects = useRecords((state) => state.objects);
  return useMemo(() => (objects.status === 'ready' ? classNames(objects.value.objects) : []), [objects]);
}

function Actions({ selected }: { selected: readonly ObjectView[] }) {
  const studio = useStudio();
  const ids = selected.map(({ id }) => id);
  const hidden = selected.every((object) => object.hidden);
  const locked = selected.every((object) => object.locked);
  const keys = (id: string) => formatChord(commandById(id).keys[0] ?? '', isMac());
  return (
    <div className="inspector-actions" role="toolbar" aria-label="Selected objects">
      <IconButton
        icon={hidden ? 'eye-off' : 'eye'}
        label={hidden ? 'Show' : 'Hide'}
        keys={keys('objects.toggle-hidden')}
        pressed={hidden}
        onClick={() => void toggleHidden(studio, ids)}
      />
      <IconButton
        icon={locked ? 'lock' : 'unlock'}
        label={locked ? 'Unlock' : 'Lock: no edit and no lift changes it'}
        pressed={locked}
        onClick={() => void toggleLocked(studio, ids)}
      />
      <IconButton icon="layers" label="Show alone, or all again" onClick={() => void isolateObjects(studio, ids)} />
      <IconButton
        icon="target"
        label="Look at it in the scene"
        disabled={selected.every(({ centroid }) => centroid === null)}
        onClick={() => {
          studio.showPanel('scene');
          runCommand(studio, 'scene.focus');
        }}
      />
      <span className="ui-toolbar-gap" />
      {selected.length > 1 && (
        <IconButton
          icon="merge"
          label={`Merge into ${selected.at(-1)?.name}`}
          keys={keys('objects.merge')}
          onClick={() => void mergeObjects(studio, ids)}
        />
      )}
      <IconButton
        icon="trash"
        label="Delete"
        keys={keys('objects.delete')}
        onClick={() => void deleteObjects(studio, ids)}
      />
    </div>
  );
}

function SeveralObjects({ selected }: { selected: readonly ObjectView[] }) {
  const studio = useStudio();
  const classes = useClasses();
  const ids = selected.map(({ id }) => id);
  const [first] = selected;
  const className = selected.every((object) => object.className === first?.className) ? (first?.className ?? '') : null;
  const colors = [...new Set(selected.map(({ color }) => color))];
  return (
    <>
      <div className="inspector-title">
        <ColourPicker
          color={colors.length === 1 ? (colors[0] ?? '') : colors}
          of={`${selected.length} objects`}
          onPick={(next) => void changeObjects(studio, ids, { color: next })}
        />
        <h2>{formatCount(selected.length)} objects</h2>
      </div>
      <Actions selected={selected} />
      <div className="inspector-fields">
        <span>Class</span>
        <TextBox
          key={ids.join()}
          label="Class"
          value={className ?? ''}
          placeholder={className === null ? 'Several' : 'None'}
          optional
          suggestions={classes}
          onCommit={(value) => void changeObjects(studio, ids, { className: value })}
        />
      </div>
      <Section title="Selected">
        <div className="inspector-chips">
          {selected.slice(0, MAX_CHIPS).map((object) => (
            <Chip key={object.id} color={object.color} onClick={() => studio.selectObjects([object.id])}>
              {object.name}
            </Chip>
          ))}
          {selected.length > MAX_CHIPS && (
            <span className="inspector-note">and {formatCount(selected.length - MAX_CHIPS)} more</span>
          )}
        </div>
      </Section>
    </>
  );
}

function OneObject({ object }: { object: ObjectView }) {
  const studio = useStudio();
  const classes = useClasses();
  const count = useSelection((state) => state.frameCount);
  const { id, name, centroid, locked } = object;
  return (
    <>
      <div className="inspector-title">
        <ColourPicker
          color={object.color}
          of={name}
          disabled={locked}
          onPick={(color) => void changeObjects(studio, [id], { color })}
        />
        <h2 className="selectable">{name}</h2>
        <span className="inspector-note">#{id}</span>
      </div>
      <Actions selected={[object]} />
      <div className="inspector-fields">
        <span>Name</span>
        <TextBox
          key={`name ${id}`}
          label="Name"
          value={name}
          disabled={locked}
          onCommit={(value) => void changeObjects(studio, [id], { name: value })}
        />
        <span>Class</span>
        <TextBox
          key={`class ${id}`}
          label="Class"
          value={object.className}
          placeholder="None"
          optional
          disabled={locked}
          suggestions={classes}
          onCommit={(className) => void changeObjects(studio, [id], { className })}
        />
      </div>
      <FramesSection object={object} />
      <Section title="Facts">
        <dl className="inspector-facts">
          <StateFact id={id} />
          <Fact name="Frames">
            {formatCount(object.frames)} of {formatCount(count)}
          </Fact>
          <Fact name="Confidence">{formatPercent(object.confidence)}</Fact>
          {centroid === null ? (
            <Fact name="Position">Not in 3D yet</Fact>
          ) : (
            <Fact name="Position" copy={centroid.join(' ')}>
              <Vector values={centroid} digits={3} />
            </Fact>
          )}
          <Fact name="Provenance">{PROVENANCE[object.provenance]}</Fact>
        </dl>
      </Section>
    </>
  );
}

/** Its state in the current frame, and what is in front of it. */
function StateFact({ id }: { id: number }) {
  const studio = useStudio();
  const { lanes } = useLanes();
  const frame = useSelection((state) => state.frame);
  const objects = useRecords((state) => state.objects);
  const state = lanes === null ? null : stateIn(lanes, id, frame);
  const revision = objects.status === 'ready' ? objects.value.revision : 0;
  const [by, setBy] = useState<number | null | undefined>(undefined);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another revision, another answer
  useEffect(() => {
    setBy(undefined);
    if (state !== 'occluded') return;
    const controller = new AbortController();
    studio.transport
      .call('tracks.occluders', { position: frame, ids: [id] }, { signal: controller.signal })
      .then(({ occluders }) => {
        if (!controller.signal.aborted) setBy(occluders[0]?.by);
      })
      // Not known: the state alone is said.
      .catch(() => undefined);
    return () => controller.abort();
  }, [studio, id, frame, state, revision]);
  if (state === null) return null;
  const front = objects.status === 'ready' ? objects.value.objects.find((object) => object.id === by) : undefined;
  return (
    <>
      <Fact name="This frame">{STATES[state]}</Fact>
      {by === null && <Fact name="In front">No object</Fact>}
      {front !== undefined && (
        <Fact name="In front">
          <Chip color={front.color} onClick={() => studio.selectObjects([front.id])}>
            {front.name}
          </Chip>
        </Fact>
      )}
    </>
  );
}

function FramesSection({ object }: { object: ObjectView }) {
  const studio = useStudio();
  const { lanes } = useLanes();
  const frame = useSelection((state) => state.frame);
  const sightings = useMemo(() => (lanes === null ? null : sightingsOf(lanes, object.id)), [lanes, object.id]);
  const go = useCallback(
    (to: number) => {
      studio.goToFrame(to);
      // Going to a frame makes it the subject; here the object stays.
      studio.selection.setState({ subject: 'objects' });
    },
    [studio],
  );
  if (sightings === null || sightings.runs.length === 0)
    return (
      <Section title="Frames">
        <p className="inspector-note">No frame has a mask of this object.</p>
      </Section>
    );
  const before = nextSighting(sightings.runs, frame, -1);
  const after = nextSighting(sightings.runs, frame, 1);
  const { worst, switches } = sightings;
  return (
    <Section
      title="Frames"
      actions={
        <>
          <IconButton
            icon="chevron-left"
            size="small"
            label="Previous frame that shows it"
            disabled={before === null}
            onClick={() => before !== null && go(before)}
          />
          <IconButton
            icon="chevron-right"
            size="small"
            label="Next frame that shows it"
            disabled={after === null}
            onClick={() => after !== null && go(after)}
          />
        </>
      }
    >
      <FrameStrip sightings={sightings} color={object.color} name={object.name} onGo={go} />
      <div className="inspector-links">
        {object.firstFrame !== null && (
          <Button size="small" onClick={() => go(object.firstFrame ?? 0)}>
            First {formatCount(object.firstFrame + 1)}
          </Button>
        )}
        {object.lastFrame !== null && (
          <Button size="small" onClick={() => go(object.lastFrame ?? 0)}>
            Last {formatCount(object.lastFrame + 1)}
          </Button>
        )}
        {worst !== null && (
          <Button size="small" onClick={() => go(worst.frame)} title="Where given and rendered masks differ most">
            Worst {formatCount(worst.frame + 1)} ({formatPercent(worst.disagreement)} off)
          </Button>
        )}
      </div>
      {switches.length > 0 && (
        <p className="inspector-note">
          Its given id changes {switches.length === 1 ? 'once' : `${formatCount(switches.length)} times`}, first in
          frame {formatCount((switches[0] ?? 0) + 1)}.
        </p>
      )}
    </Section>
  );
}
