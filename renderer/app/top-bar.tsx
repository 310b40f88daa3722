import { useCallback, useEffect, useRef, useState } from 'react';
import { MAX_QUERY_CHARACTERS } from '../../contract/index.ts';
import { commandById, formatChord, isMac, runCommand } from '../commands/index.ts';
import { isActive, useCommandHandler, useSession, useStudio } from '../state/index.ts';
import { askQuery } from '../tools/index.ts';
import { Button, formatAgo, Icon, Kbd, Menu, type MenuItem, Progress, plural, useTooltip } from '../ui/index.ts';
import { Logo } from './logo.tsx';
import { MenuBar } from './menu-bar.tsx';

function keysOf(id: string): string | undefined {
  const key = commandById(id).keys[0];
  return key === undefined ? undefined : formatChord(key, isMac());
}

function CapturePicker() {
  const studio = useStudio();
  const project = useSession((state) => state.project);
  if (project === null || project.captures.length === 0) return null;
  const capture = project.captures.find(({ id }) => id === project.currentCaptureId);
  const items = (): readonly MenuItem[] => [
    ...project.captures.map(({ id, name, frames }) => ({
      id: `capture-${id}`,
      label: `${name} (${plural(frames, 'frame')})`,
      checked: id === project.currentCaptureId,
      run: () => void studio.attempt(() => studio.transport.call('project.select', { captureId: id })),
    })),
    { id: 'rule', separator: true },
    {
      id: 'import',
      label: 'Import capture…',
      icon: 'import' as const,
      run: () => void runCommand(studio, 'capture.import'),
    },
  ];
  return (
    <Menu
      label="Captures"
      items={items}
      trigger={(props) => (
        <button {...props} type="button" className="top-bar-picker">
          <Icon name="camera" />
          <span className="visually-hidden">Capture: </span>
          <span className="top-bar-picker-name">{capture?.name ?? 'Choose a capture'}</span>
          {capture !== undefined && <span className="top-bar-faint">{plural(capture.frames, 'frame')}</span>}
          <Icon name="chevron-down" size={14} />
        </button>
      )}
    />
  );
}

/** Photos are not where import saw them: says so where the capture's name is, until they are found. */
function MissingPhotos() {
  const studio = useStudio();
  const missing = useSession(
    ({ project }) => project?.captures.find(({ id }) => id === project.currentCaptureId)?.missingCount ?? 0,
  );
  if (missing === 0) return null;
  return (
    <button type="button" className="top-bar-missing" onClick={() => runCommand(studio, 'capture.relink')}>
      <Icon name="link" size={14} />
      {plural(missing, 'photo')} missing
    </button>
  );
}

function TrainMenu() {
  const studio = useStudio();
  const project = useSession((state) => state.project);
  const items = (): readonly MenuItem[] => [
    ...(['train.splats', 'train.evaluate', 'train.language'] as const).map((id) => ({
      id,
      label: commandById(id).title,
      disabled: !commandById(id).enabled(studio),
      run: () => void runCommand(studio, id),
    })),
    ...(project === null || project.splats.length === 0 ? [] : [{ id: 'rule', separator: true } as const]),
    ...(project?.splats ?? []).map(({ id, gaussians, psnr }) => ({
      id: `splats-${id}`,
      label: `Model ${id}, ${plural(gaussians, 'Gaussian')}${psnr === null ? '' : `, ${psnr.toFixed(2)} dB`}`,
      checked: id === project?.currentSplatsId,
      run: () => void studio.attempt(() => studio.transport.call('project.select', { splatsId: id })),
    })),
  ];
  return (
    <Menu
      label="Training"
      items={items}
      trigger={(props) => (
        <button {...props} type="button" className="ui-button">
          <Icon name="train" />
          Train
          <Icon name="chevron-down" size={12} />
        </button>
      )}
    />
  );
}

function LiftButton() {
  const studio = useStudio();
  const hasSplats = useSession((state) => (state.project?.currentSplatsId ?? null) !== null);
  const tooltip = useTooltip(hasSplats ? 'Turn instance masks into objects' : 'Lifting needs a trained model');
  return (
    <Button {...tooltip} icon="lift" disabled={!hasSplats} onClick={() => runCommand(studio, 'lift.objects')}>
      Lift
    </Button>
  );
}

function TrackButton() {
  const studio = useStudio();
  const hasCapture = useSession((state) => (state.project?.currentCaptureId ?? null) !== null);
  const tooltip = useTooltip(
    hasCapture ? 'Objects that keep their identity through the video' : 'Import a capture first',
  );
  return (
    <Button {...tooltip} icon="timeline" disabled={!hasCapture} onClick={() => runCommand(studio, 'track.objects')}>
      Track
    </Button>
  );
}

function JobsIndicator() {
  const studio = useStudio();
  const jobs = useSession((state) => state.jobs);
  const active = jobs.filter(isActive);
  const running = active.find(({ state }) => state !== 'queued');
  const tooltip = useTooltip(
    running?.title ?? (active.length === 0 ? 'No job is running' : 'Waiting'),
    keysOf('view.panel.jobs'),
  );
  const percent = running?.progress == null ? null : Math.round(running.progress * 100);
  const text =
    active.length === 0 ? 'No jobs' : `${plural(active.length, 'job')}${percent === null ? '' : ` · ${percent} %`}`;
  return (
    <button {...tooltip} type="button" className="top-bar-jobs tabular" onClick={() => studio.showPanel('jobs')}>
      <span>{text}</span>
      {running === undefined ? (
        <span className="top-bar-jobs-idle" />
      ) : (
        <Progress value={running.progress} label={null} />
      )}
    </button>
  );
}

function Saved() {
  const savedAt = useSession((state) => state.project?.savedAt ?? null);
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  const tooltip = useTooltip('Every change is saved as you make it. Closing never loses anything.');
  if (savedAt === null) return null;
  return (
    <span {...tooltip} className="top-bar-status top-bar-saved tabular">
      <Icon name="check" size={14} />
      {/* A project that was never changed has no time of its last change. */}
      {savedAt > 0 ? `saved ${formatAgo(savedAt, Math.max(now, savedAt))}` : 'saved'}
    </span>
  );
}

function Backend() {
  const backend = useSession((state) => state.app?.backend);
  const tooltip = useTooltip(backend === undefined ? '' : `${backend.name}. ${backend.detail}`);
  if (backend === undefined) return null;
  return (
    <span {...tooltip} className="top-bar-status">
      <Icon name="chip" size={14} />
      {backend.name}
    </span>
  );
}

/** Asks in place of the active query. */
function QueryBox() {
  const studio = useStudio();
  const inputRef = useRef<HTMLInputElement>(null);
  useCommandHandler(
    'query.focus',
    useCallback(() => {
      inputRef.current?.focus();
      inputRef.current?.select();
    }, []),
  );
  return (
    <search className="top-bar-search">
      <form
        className="top-bar-query"
        onSubmit={(event) => {
          event.preventDefault();
          const text = inputRef.current?.value ?? '';
          studio.showPanel('query');
          askQuery(studio, text);
          // What is typed next is another question, not more of this one.
          inputRef.current?.select();
        }}
      >
        <Icon name="search" size={14} />
        <input
          ref={inputRef}
          aria-label="Query"
          aria-keyshortcuts="/"
          placeholder="Query the scene in words"
          autoComplete="off"
          maxLength={MAX_QUERY_CHARACTERS}
          name="query"
        />
        <Kbd keys="/" />
      </form>
    </search>
  );
}

export function TopBar() {
  const studio = useStudio();
  const name = useSession((state) => state.project?.name ?? null);
  const importTip = useTooltip('Import a capture', keysOf('capture.import'));
  return (
    <header className="top">
      {globalThis.liftscopeDesktop === undefined && (
        <div className="top-menus">
          <Logo size={18} />
          <MenuBar />
          <span className="ui-toolbar-gap" />
          <Backend />
          <Saved />
        </div>
      )}
      {name !== null && (
        <div className="top-bar">
          <h1 className="top-bar-project">{name}</h1>
          <CapturePicker />
          <MissingPhotos />
          <span className="ui-toolbar-rule" />
          <Button {...importTip} icon="import" onClick={() => runCommand(studio, 'capture.import')}>
            Import
          </Button>
          <TrainMenu />
          <LiftButton />
          <TrackButton />
          <QueryBox />
          <JobsIndicator />
          {globalThis.liftscopeDesktop !== undefined && (
            <>
              <Backend />
              <Saved />
            </>
          )}
        </div>
      )}
    </header>
  );
}
