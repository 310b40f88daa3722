/** The row of correction tools, the suggested merge, the effort so far, and the decision on a re-run. */
import { useCallback, useEffect, useRef, useState } from 'react';
import type { ObjectView, TrackEffort, TrackReview, TrackSuggestion } from '../../../contract/index.ts';
import { commandById, formatChord, isMac, runCommand } from '../../commands/index.ts';
import { useCommandHandler, useRecords, useSelection, useSession, useStudio, useView } from '../../state/index.ts';
import { Button, IconButton, type IconName, plural, useTooltip } from '../../ui/index.ts';
import {
  acceptCarried,
  assignHere,
  jumpToSwitch,
  markAbsent,
  splitHere,
  swapHere,
  toggleLocks,
} from './corrections.ts';
import type { Lanes } from './observations.ts';

const TOOLS: readonly {
  readonly id: string;
  readonly icon: IconName;
  readonly text: string;
  readonly least: number;
}[] = [
  { id: 'objects.merge', icon: 'merge', text: 'Merge', least: 2 },
  { id: 'tracks.split', icon: 'cut', text: 'Split', least: 1 },
  { id: 'tracks.swap', icon: 'swap', text: 'Swap', least: 2 },
  { id: 'tracks.assign', icon: 'assign', text: 'Assign', least: 1 },
  { id: 'tracks.absent', icon: 'eye-off', text: 'Absent', least: 1 },
  { id: 'tracks.accept-carried', icon: 'check', text: 'Accept carried', least: 1 },
  { id: 'tracks.lock', icon: 'lock', text: 'Lock', least: 1 },
  { id: 'objects.delete', icon: 'trash', text: 'Delete', least: 1 },
];

export function CorrectionBar({ lanes }: { lanes: Lanes | null }) {
  const studio = useStudio();
  const selected = useSelection((state) => state.objects.length);
  const help = useHelp();
  useCommandHandler(
    'tracks.split',
    useCallback(() => void splitHere(studio), [studio]),
  );
  useCommandHandler(
    'tracks.swap',
    useCallback(() => void swapHere(studio), [studio]),
  );
  useCommandHandler(
    'tracks.assign',
    useCallback(() => void assignHere(studio), [studio]),
  );
  useCommandHandler(
    'tracks.absent',
    useCallback(() => void markAbsent(studio), [studio]),
  );
  useCommandHandler(
    'tracks.accept-carried',
    useCallback(() => void acceptCarried(studio), [studio]),
  );
  useCommandHandler(
    'tracks.lock',
    useCallback(() => void toggleLocks(studio), [studio]),
  );
  useCommandHandler(
    'tracks.next-switch',
    useCallback(() => jumpToSwitch(studio, lanes, 1), [studio, lanes]),
  );
  useCommandHandler(
    'tracks.previous-switch',
    useCallback(() => jumpToSwitch(studio, lanes, -1), [studio, lanes]),
  );
  return (
    <>
      {help.review !== null && <ReviewBar review={help.review} onDecided={help.refresh} />}
      <div className="ui-toolbar timeline-corrections" role="toolbar" aria-label="Corrections">
        <Jump id="tracks.previous-switch" icon="chevron-left" />
        <span className="timeline-switches">Switch</span>
        <Jump id="tracks.next-switch" icon="chevron-right" />
        <span className="ui-toolbar-rule" />
        {TOOLS.map((tool) => (
          <Tool key={tool.id} {...tool} disabled={selected < tool.least} />
        ))}
        <span className="ui-toolbar-rule" />
        <Tool id="tracks.amodal" icon="blend" text="Amodal" disabled={lanes === null || lanes.observations === 0} />
        <span className="ui-toolbar-gap" />
        <Suggestion suggestions={help.suggestions} />
        <Effort effort={help.effort} />
      </div>
    </>
  );
}

function keysOf(id: string): string {
  return formatChord(commandById(id).keys[0] ?? '', isMac());
}

function Jump({ id, icon }: { id: string; icon: IconName }) {
  const studio = useStudio();
  return (
    <IconButton icon={icon} label={commandById(id).title} keys={keysOf(id)} onClick={() => runCommand(studio, id)} />
  );
}

function Tool({ id, icon, text, disabled }: { id: string; icon: IconName; text: string; disabled: boolean }) {
  const studio = useStudio();
  const tooltip = useTooltip(commandById(id).title, keysOf(id));
  return (
    <Button
      {...tooltip}
      size="small"
      variant="quiet"
      icon={icon}
      disabled={disabled}
      onClick={() => runCommand(studio, id)}
    >
      <span className="timeline-tool-text">{text}</span>
    </Button>
  );
}

/** What the host knows about corrections, asked again when records change. */
function useHelp() {
  const studio = useStudio();
  const captureId = useSession((state) => state.project?.currentCaptureId ?? null);
  const revision = useSession((state) => state.project?.revision ?? 0);
  const [suggestions, setSuggestions] = useState<readonly TrackSuggestion[]>([]);
  const [effort, setEffort] = useState<TrackEffort | null>(null);
  const [review, setReview] = useState<TrackReview | null>(null);
  const [asked, setAsked] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another revision, other answers
  useEffect(() => {
    if (captureId === null) return;
    const controller = new AbortController();
    const { signal } = controller;
    const ask = async (): Promise<void> => {
      const [merges, cost, decision] = await Promise.all([
        studio.transport.call('tracks.suggestions', {}, { signal }),
        studio.transport.call('tracks.effort', {}, { signal }),
        studio.transport.call('tracks.review', {}, { signal }),
      ]);
      if (signal.aborted) return;
      setSuggestions(merges.suggestions);
      setEffort(cost);
      setReview(decision.review);
    };
    // Without them the lanes are still there: the next change asks again.
    ask().catch(() => undefined);
    return () => controller.abort();
  }, [studio, captureId, revision, asked]);
  const refresh = useCallback(() => setAsked((count) => count + 1), []);
  return { suggestions, effort, review, refresh };
}

/** The cheapest merge that was not left for later. Its two objects are selected on a click, so that one can look at them first. */
function Suggestion({ suggestions }: { suggestions: readonly TrackSuggestion[] }) {
  const studio = useStudio();
  const objects = useRecords((state) => state.objects);
  const skipped = useRef(new Set<string>());
  const [, setSkips] = useState(0);
  const byId = new Map<number, ObjectView>(
    objects.status === 'ready' ? objects.value.objects.map((object) => [object.id, object]) : [],
  );
  const open = suggestions.filter(
    (one) => byId.has(one.into) && byId.has(one.from) && !skipped.current.has(`${one.into} ${one.from}`),
  );
  const best = open[0];
  const accept = useCallback(() => {
    if (best === undefined) return;
    void studio
      .attempt(() =>
        studio.transport.call('objects.edit', { type: 'merge-objects', into: best.into, ids: [best.from] }),
      )
      .then((done) => {
        if (done !== undefined) studio.selectObjects([best.into]);
      });
  }, [studio, best]);
  const skip = useCallback(() => {
    if (best === undefined) return;
    skipped.current.add(`${best.into} ${best.from}`);
    setSkips((count) => count + 1);
  }, [best]);
  useCommandHandler('tracks.accept-merge', accept);
  useCommandHandler('tracks.skip-merge', skip);
  if (best === undefined) return null;
  const [into, from] = [byId.get(best.into)!, byId.get(best.from)!];
  return (
    // biome-ignore lint/a11y/useSemanticElements: a set of controls, no form
    <div className="timeline-suggestion" role="group" aria-label="Suggested merge">
      <button
        type="button"
        className="timeline-pair"
        data-into={into.id}
        data-from={from.id}
        onClick={() => {
          studio.selectObjects([from.id, into.id]);
          if (from.firstFrame !== null) studio.goToFrame(from.firstFrame);
        }}
      >
        <i style={{ background: from.color }} />
        {from.name}
        <span aria-hidden="true">→</span>
        <i style={{ background: into.color }} />
        {into.name}
        <span className="timeline-cost tabular">{best.cost.toFixed(2)}</span>
      </button>
      <IconButton
        icon="check"
        label={commandById('tracks.accept-merge').title}
        keys={keysOf('tracks.accept-merge')}
        onClick={accept}
      />
      <IconButton
        icon="close"
        label={commandById('tracks.skip-merge').title}
        keys={keysOf('tracks.skip-merge')}
        onClick={skip}
      />
      <span className="timeline-open tabular">{open.length}</span>
    </div>
  );
}

/** Corrections and seconds for each minute of video, at the speed that it is played with. */
function Effort({ effort }: { effort: TrackEffort | null }) {
  const frames = useSelection((state) => state.frameCount);
  const fps = useView((state) => state.playbackFps);
  const minutes = frames / fps / 60;
  const tooltip = useTooltip(
    effort === null || minutes === 0
      ? ''
      : `${plural(effort.corrections, 'correction')} in ${Math.round(effort.seconds)} s of work: ${(effort.corrections / minutes).toFixed(1)} corrections and ${Math.round(effort.seconds / minutes)} s a minute of video at ${fps} frames a second. Pauses of more than 30 s do not count.`,
  );
  if (effort === null || effort.corrections === 0 || minutes === 0) return null;
  return (
    <span {...tooltip} className="timeline-effort tabular" data-testid="effort">
      {plural(effort.corrections, 'correction')} · {(effort.corrections / minutes).toFixed(0)} and{' '}
      {Math.round(effort.seconds / minutes)} s / min
    </span>
  );
}

function ReviewBar({ review, onDecided }: { review: TrackReview; onDecided: () => void }) {
  const studio = useStudio();
  const [busy, setBusy] = useState(false);
  const decide = (action: 'show-before' | 'show-after' | 'accept' | 'reject'): void => {
    setBusy(true);
    void studio
      .attempt(() => studio.transport.call('tracks.decide', { action }))
      .finally(() => {
        setBusy(false);
        onDecided();
      });
  };
  const side = (name: 'before' | 'after') => {
    const { objects, idSwitches, seen } = review[name];
    return (
      <button
        type="button"
        className="timeline-side"
        aria-pressed={review.shown === name}
        disabled={busy}
        onClick={() => decide(name === 'before' ? 'show-before' : 'show-after')}
      >
        <strong>{name === 'before' ? 'Before' : 'After'}</strong>
        <span className="tabular">
          {plural(objects, 'object')} · {plural(idSwitches, 'id switch', 'id switches')} · {plural(seen, 'sighting')}
        </span>
      </button>
    );
  };
  return (
    <div className="ui-toolbar timeline-review" role="toolbar" aria-label="Tracked again">
      <span className="timeline-review-title">Tracked again. What you corrected is in both.</span>
      {side('before')}
      {side('after')}
      <span className="ui-toolbar-gap" />
      <Button size="small" disabled={busy} onClick={() => decide('reject')}>
        Reject
      </Button>
      <Button size="small" variant="primary" icon="check" disabled={busy} onClick={() => decide('accept')}>
        Accept
      </Button>
    </div>
  );
}
