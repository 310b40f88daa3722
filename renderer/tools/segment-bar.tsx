import './tools.css';
import { useCallback, useState } from 'react';
import { commandById, formatChord, isMac, runCommand } from '../commands/index.ts';
import { useCommandHandler, useSegment, useStudio } from '../state/index.ts';
import { Button, formatCount, Icon, Kbd, plural, Slider, Spinner } from '../ui/index.ts';
import { useLifts } from './lifts.ts';
import { createFromClicks, removeLastPoint, stopSegment } from './segment.ts';

function keysOf(id: string): string {
  return formatChord(commandById(id).keys[0] ?? '', isMac());
}

/** What the tool in the hand does now, and what keys do: one thin bar over the workspace. Nothing without a tool. */
export function SegmentBar() {
  const active = useSegment((state) => state.active);
  return active ? <ActiveBar /> : null;
}

function ActiveBar() {
  const studio = useStudio();
  const lifts = useLifts();
  useCommandHandler(
    'tools.put-away',
    useCallback(() => stopSegment(studio), [studio]),
  );
  const unlifted = lifts.status === 'ready' && lifts.value.length === 0;
  return (
    <section className="tool-bar" aria-label="Click to segment">
      <Icon name="wand" />
      {lifts.status === 'error' ? (
        <p role="alert" className="tool-bar-text">
          {lifts.failure.message} {lifts.failure.hint}
        </p>
      ) : unlifted ? (
        <>
          <p className="tool-bar-text">
            Clicks are answered by what lifting has learnt about the splats, and this model is not lifted yet.
          </p>
          <Button size="small" variant="primary" icon="lift" onClick={() => runCommand(studio, 'lift.objects')}>
            Lift objects…
          </Button>
        </>
      ) : (
        <Clicks />
      )}
      <Button size="small" onClick={() => stopSegment(studio)}>
        Close <Kbd keys={keysOf('selection.clear')} />
      </Button>
    </section>
  );
}

function Clicks() {
  const studio = useStudio();
  const points = useSegment((state) => state.points);
  const threshold = useSegment((state) => state.threshold);
  const gaussians = useSegment((state) => state.gaussians);
  const milliseconds = useSegment((state) => state.milliseconds);
  const busy = useSegment((state) => state.busy);
  const failure = useSegment((state) => state.failure);
  const [name, setName] = useState('');
  const [making, setMaking] = useState(false);
  const ready = (gaussians ?? 0) > 0 && !making;

  const make = useCallback(() => {
    setMaking(true);
    void createFromClicks(studio, name).then((made) => {
      setMaking(false);
      if (made) setName('');
    });
  }, [studio, name]);

  return (
    <>
      {ready && <Offer id="objects.from-clicks" run={make} />}
      {points.length > 0 && <Offer id="tools.segment-back" run={() => removeLastPoint(studio)} />}
      {failure !== null ? (
        <p role="alert" className="tool-bar-text">
          {failure.message} {failure.hint}
        </p>
      ) : (
        <p className="tool-bar-text">
          {making ? (
            <span role="status">Making the object and its masks in every frame…</span>
          ) : points.length === 0 ? (
            'Click the object in Frames or Scene. Alt-click or right-click what does not belong. Keyboard: arrows move a cross, Space puts a click, - a negative one.'
          ) : (
            <span role="status" className="tabular">
              {summary(points.filter(({ positive }) => positive).length, points.length)}
              {gaussians === null
                ? ''
                : gaussians === 0
                  ? ' · nothing is this similar: lower the threshold'
                  : ` · ${plural(gaussians, 'Gaussian')}`}
              {milliseconds === null ? '' : ` · ${formatCount(Math.round(milliseconds))} ms`}
            </span>
          )}
        </p>
      )}
      <span className="tool-bar-busy" data-busy={busy || making}>
        <Spinner label="Looking for what the clicks mean" />
      </span>
      <div className="tool-bar-slider">
        <Slider
          label="Similarity"
          value={threshold}
          onChange={(value) => studio.segment.setState({ threshold: value })}
        />
      </div>
      <input
        className="ui-input tool-bar-name"
        aria-label="Name of the new object"
        placeholder="Name"
        autoComplete="off"
        spellCheck={false}
        maxLength={200}
        value={name}
        onChange={(event) => setName(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && ready) {
            event.preventDefault();
            make();
          } else if (event.key === 'Escape') {
            event.preventDefault();
            event.currentTarget.blur();
          }
        }}
      />
      <Button size="small" disabled={points.length === 0} onClick={() => removeLastPoint(studio)}>
        Take back <Kbd keys={keysOf('tools.segment-back')} />
      </Button>
      <Button size="small" variant="primary" disabled={!ready} onClick={make}>
        Make object <Kbd keys={keysOf('objects.from-clicks')} />
      </Button>
    </>
  );
}

function summary(positive: number, all: number): string {
  const negative = all - positive;
  if (positive === 0) return 'Now click something that belongs to the object';
  return `${plural(positive, 'click')} on it${negative === 0 ? '' : `, ${negative} off it`}`;
}

/** Enables a command for as long as it makes sense. */
function Offer({ id, run }: { id: string; run: () => void }) {
  useCommandHandler(id, run);
  return null;
}
