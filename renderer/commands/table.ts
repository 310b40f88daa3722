/** Every command of the studio, once. Menu bar, native menu, palette, shortcut sheet, keyboard and tests read this table. */
import type { PanelId, Studio } from '../state/index.ts';
import {
  backupProject,
  checkProject,
  createProject,
  evaluateModel,
  exportSplats,
  importCapture,
  importSplats,
  makeAmodalMasks,
  openProject,
  stepByError,
  walkHistory,
} from './actions.ts';
import type { Command } from './command.ts';

type Given = Omit<Command, 'keys' | 'scope' | 'undo' | 'enabled'> & Partial<Command>;

function command(given: Given): Command {
  return { keys: [], scope: 'global', undo: 'none', enabled: () => true, ...given };
}

const hasProject = ({ session }: Studio) => session.getState().project !== null;
const hasCapture = ({ session }: Studio) => (session.getState().project?.currentCaptureId ?? null) !== null;
const hasSplats = ({ session }: Studio) => (session.getState().project?.currentSplatsId ?? null) !== null;
const hasFrames = ({ selection }: Studio) => selection.getState().frameCount > 0;
const hasMetrics = ({ records }: Studio) => records.getState().metrics.status === 'ready';
const hasObservations = ({ session }: Studio) => (session.getState().project?.observations ?? 0) > 0;
const hasObjects = ({ selection }: Studio) => selection.getState().objects.length > 0;

/** The window offers the tool's handlers while it is in the hand (`tools/`). */
function toggleSegment({ segment, handlers }: Studio): void {
  if (segment.getState().active) handlers.get('tools.put-away')?.();
  else segment.setState({ active: true });
}

/** A command that a mounted panel carries out (`useCommandHandler`). */
function byPanel(given: Omit<Given, 'run'>): Command {
  return command({
    enabled: ({ handlers }) => handlers.has(given.id),
    run: ({ handlers }) => handlers.get(given.id)?.(),
    ...given,
  });
}

const PANELS: readonly [PanelId, string][] = [
  ['frames', 'Frames'],
  ['scene', 'Scene'],
  ['timeline', 'Timeline'],
  ['objects', 'Objects'],
  ['inspector', 'Inspector'],
  ['jobs', 'Jobs'],
  ['metrics', 'Metrics'],
  ['query', 'Query'],
  ['embeddings', 'Embeddings'],
  ['models', 'Models'],
];

export const commands: readonly Command[] = [
  command({
    id: 'project.create',
    title: 'New project…',
    menu: 'File',
    keys: ['Mod+Alt+n'],
    run: (s) => void createProject(s),
  }),
  command({
    id: 'project.open',
    title: 'Open project…',
    menu: 'File',
    keys: ['Mod+o'],
    run: (s) => void openProject(s),
  }),
  command({
    id: 'project.close',
    title: 'Close project',
    menu: 'File',
    enabled: hasProject,
    run: (s) => void s.attempt(() => s.transport.call('project.close', {})),
  }),
  command({
    id: 'capture.import',
    title: 'Import capture…',
    menu: 'File',
    group: true,
    keys: ['Mod+i'],
    enabled: hasProject,
    run: (s) => void importCapture(s),
  }),
  command({
    id: 'capture.import-file',
    title: 'Import capture from a JSON file…',
    menu: 'File',
    enabled: hasProject,
    run: (s) => void importCapture(s, 'file'),
  }),
  command({
    id: 'splats.import',
    title: 'Open splats (PLY)…',
    menu: 'File',
    enabled: hasProject,
    run: (s) => void importSplats(s),
  }),
  command({
    id: 'splats.export',
    title: 'Export splats (PLY)…',
    menu: 'File',
    keys: ['Mod+e'],
    enabled: hasSplats,
    run: (s) => void exportSplats(s),
  }),
  command({
    id: 'masks.export',
    title: 'Export masks and objects…',
    menu: 'File',
    keys: ['Mod+Shift+e'],
    enabled: hasCapture,
    run: (s) => s.openDialog({ kind: 'export' }),
  }),
  command({
    id: 'capture.relink',
    title: 'Find moved photos…',
    menu: 'File',
    enabled: hasCapture,
    run: (s) => {
      const captureId = s.session.getState().project?.currentCaptureId ?? null;
      if (captureId !== null) s.openDialog({ kind: 'relink', captureId });
    },
  }),
  command({
    id: 'project.backup',
    title: 'Back up project…',
    menu: 'File',
    group: true,
    enabled: hasProject,
    run: (s) => void backupProject(s),
  }),
  command({
    id: 'project.check',
    title: 'Check project for damage',
    menu: 'File',
    enabled: hasProject,
    run: (s) => void checkProject(s),
  }),

  command({
    id: 'edit.undo',
    title: 'Undo',
    menu: 'Edit',
    keys: ['Mod+z'],
    undo: 'history',
    enabled: ({ session }) => (session.getState().project?.undo ?? null) !== null,
    run: (s) => void walkHistory(s, 'undo'),
  }),
  command({
    id: 'edit.redo',
    title: 'Redo',
    menu: 'Edit',
    keys: ['Mod+Shift+z', 'Mod+y'],
    undo: 'history',
    enabled: ({ session }) => (session.getState().project?.redo ?? null) !== null,
    run: (s) => void walkHistory(s, 'redo'),
  }),
  byPanel({ id: 'objects.rename', title: 'Rename object', menu: 'Edit', group: true, keys: ['F2'], undo: 'step' }),
  byPanel({ id: 'objects.create', title: 'New object', menu: 'Edit', undo: 'step' }),
  byPanel({
    id: 'objects.merge',
    title: 'Merge selected objects',
    menu: 'Edit',
    keys: ['m'],
    scope: 'frames',
    undo: 'step',
  }),
  ...(
    [
      ['tracks.split', 'Split the track at the current frame', 'k', 'timeline'],
      ['tracks.swap', 'Swap two objects from the current frame on', 'e', 'frames'],
      ['tracks.assign', 'Give the track to the last selected object, or to a new one', 'a', 'frames'],
      ['tracks.absent', 'Mark as absent from the current frame on', 'o', 'timeline'],
      ['tracks.accept-carried', 'Accept carried masks of the selected objects', 'b', 'frames'],
      ['tracks.accept-merge', 'Accept the suggested merge', 'u', 'frames'],
      ['tracks.lock', 'Lock or unlock selected objects', 'l', 'frames'],
    ] as const
  ).map(([id, title, key, scope], index) =>
    byPanel({
      ...{ id, title, menu: 'Edit', keys: [key], scope, undo: 'step' },
      ...(index === 0 ? { group: true as const } : {}),
    }),
  ),
  byPanel({
    id: 'tracks.skip-merge',
    title: 'Leave the suggested merge for later',
    keys: ['Shift+u'],
    scope: 'frames',
  }),
  byPanel({ id: 'objects.delete', title: 'Delete selected objects', menu: 'Edit', keys: ['Delete'], undo: 'step' }),
  byPanel({
    id: 'objects.toggle-hidden',
    title: 'Hide or show selected objects',
    menu: 'Edit',
    keys: ['h'],
    undo: 'step',
  }),
  command({
    id: 'tools.segment',
    title: 'Click to segment',
    menu: 'Edit',
    group: true,
    keys: ['s'],
    scope: 'frames',
    enabled: hasSplats,
    run: toggleSegment,
  }),
  command({
    id: 'tools.segment-anywhere',
    title: 'Click to segment (any panel)',
    keys: ['g'],
    enabled: hasSplats,
    run: toggleSegment,
  }),
  byPanel({ id: 'objects.from-clicks', title: 'Make an object of the clicks', keys: ['Enter'], undo: 'step' }),
  byPanel({ id: 'tools.segment-back', title: 'Take back the last click', keys: ['Backspace'] }),
  command({
    id: 'selection.clear',
    title: 'Put the tool away, or select nothing',
    menu: 'Edit',
    group: true,
    keys: ['Escape'],
    enabled: (s) => s.segment.getState().active || hasObjects(s) || s.selection.getState().point !== null,
    run: (s) => {
      if (s.segment.getState().active) {
        s.handlers.get('tools.put-away')?.();
        return;
      }
      s.selectObjects([]);
      s.selectPoint(null);
    },
  }),

  command({
    id: 'view.palette',
    title: 'Command palette',
    menu: 'View',
    keys: ['Mod+k', 'Mod+Shift+p'],
    always: true,
    run: (s) => s.openDialog({ kind: 'palette' }),
  }),
  ...PANELS.map(([panel, title], index) =>
    command({
      id: `view.panel.${panel}`,
      title: `Show ${title}`,
      menu: 'View',
      ...(index === 0 ? { group: true as const } : {}),
      // Nine keys for the nine that a day's work needs.
      ...(index < 9 ? { keys: [`Alt+${index + 1}`] } : {}),
      enabled: hasProject,
      run: (s) => s.showPanel(panel),
    }),
  ),
  command({
    id: 'view.layouts',
    title: 'Layouts…',
    menu: 'View',
    group: true,
    enabled: hasProject,
    run: (s) => s.openDialog({ kind: 'layouts' }),
  }),
  byPanel({ id: 'view.layout.reset', title: 'Reset layout', menu: 'View' }),
  byPanel({ id: 'view.panel.close', title: 'Close panel', menu: 'View' }),
  byPanel({ id: 'view.panel.maximize', title: 'Maximise or restore panel', menu: 'View', keys: ['Shift+Space'] }),
  command({
    id: 'view.theme.dark',
    title: 'Dark theme',
    menu: 'View',
    group: true,
    run: (s) => s.view.setState({ theme: 'dark' }),
  }),
  command({
    id: 'view.theme.light',
    title: 'Light theme',
    menu: 'View',
    run: (s) => s.view.setState({ theme: 'light' }),
  }),
  command({
    id: 'view.theme.system',
    title: 'Theme of the system',
    menu: 'View',
    run: (s) => s.view.setState({ theme: 'system' }),
  }),
  command({
    id: 'frames.instances',
    title: 'Show or hide instance overlay',
    menu: 'View',
    group: true,
    keys: ['i'],
    enabled: hasFrames,
    run: (s) => s.setFramesView({ instances: !s.view.getState().frames.instances }),
  }),
  command({
    id: 'frames.compare',
    title: 'Compare photo and render: off, blend, split',
    menu: 'View',
    keys: ['x'],
    enabled: (s) => hasFrames(s) && hasSplats(s),
    run: (s) => {
      const { compare } = s.view.getState().frames;
      s.setFramesView({ compare: compare === 'off' ? 'blend' : compare === 'blend' ? 'split' : 'off' });
    },
  }),
  command({
    id: 'frames.masks-compare',
    title: 'Compare given and lifted masks',
    menu: 'View',
    keys: ['Shift+x'],
    enabled: hasFrames,
    run: (s) => {
      const { masksCompare } = s.view.getState().frames;
      s.setFramesView({ masksCompare: !masksCompare, ...(masksCompare ? {} : { instances: true }) });
    },
  }),
  byPanel({ id: 'frames.masks-flip', title: 'Flip between given and lifted masks', menu: 'View', keys: ['Shift+i'] }),
  command({
    id: 'frames.heat',
    title: 'Show or hide the heat map of the selected object',
    menu: 'View',
    keys: ['Shift+o'],
    enabled: (s) => hasFrames(s) && hasSplats(s),
    run: (s) => s.setFramesView({ heat: !s.view.getState().frames.heat }),
  }),
  command({
    id: 'frames.relevancy',
    title: 'Show or hide relevancy of the open queries',
    menu: 'View',
    keys: ['y'],
    enabled: (s) => hasFrames(s) && hasSplats(s),
    run: (s) => s.setFramesView({ relevancy: !s.view.getState().frames.relevancy }),
  }),
  ...(
    [
      ['photo', 'Photo', '1', hasFrames],
      ['render', 'Render', '2', hasSplats],
      ['residual', 'Residual', '3', hasSplats],
      ['depth', 'Depth', '4', hasSplats],
    ] as const
  ).map(([base, title, key, enabled]) =>
    command({
      id: `frames.base.${base}`,
      title: `Frames: ${title}`,
      menu: 'View',
      keys: [key],
      enabled,
      run: (s) => s.setFramesView({ base }),
    }),
  ),
  byPanel({ id: 'frames.fit', title: 'Fit image to panel', menu: 'View', keys: ['0'] }),
  byPanel({ id: 'frames.pixels', title: 'Image at one to one', menu: 'View', keys: ['9'] }),

  byPanel({ id: 'query.focus', title: 'Query the scene in words', menu: 'Go', keys: ['/'] }),
  byPanel({ id: 'query.save', title: 'Save or forget the active query', menu: 'Edit', keys: ['Mod+d'], undo: 'step' }),
  byPanel({ id: 'query.close', title: 'Close the active query', keys: ['Shift+Delete'] }),
  command({
    id: 'go.play',
    title: 'Play or pause',
    menu: 'Go',
    keys: ['Space'],
    enabled: hasFrames,
    run: (s) => s.setPlaying(!s.selection.getState().playing),
  }),
  command({
    id: 'go.previous',
    title: 'Previous frame',
    menu: 'Go',
    group: true,
    keys: ['d'],
    scope: 'frames',
    enabled: hasFrames,
    run: (s) => s.step(-1),
  }),
  command({
    id: 'go.next',
    title: 'Next frame',
    menu: 'Go',
    keys: ['f'],
    scope: 'frames',
    enabled: hasFrames,
    run: (s) => s.step(1),
  }),
  command({
    id: 'go.back-ten',
    title: 'Ten frames back',
    menu: 'Go',
    keys: ['c'],
    scope: 'frames',
    enabled: hasFrames,
    run: (s) => s.step(-10),
  }),
  command({
    id: 'go.forward-ten',
    title: 'Ten frames on',
    menu: 'Go',
    keys: ['v'],
    scope: 'frames',
    enabled: hasFrames,
    run: (s) => s.step(10),
  }),
  command({
    id: 'go.previous-anywhere',
    title: 'Previous frame (any panel)',
    keys: [','],
    enabled: hasFrames,
    run: (s) => s.step(-1),
  }),
  command({
    id: 'go.next-anywhere',
    title: 'Next frame (any panel)',
    keys: ['.'],
    enabled: hasFrames,
    run: (s) => s.step(1),
  }),
  command({
    id: 'go.first',
    title: 'First frame',
    menu: 'Go',
    keys: ['Home'],
    enabled: hasFrames,
    run: (s) => s.goToFrame(0),
  }),
  command({
    id: 'go.last',
    title: 'Last frame',
    menu: 'Go',
    keys: ['End'],
    enabled: hasFrames,
    run: (s) => s.goToFrame(s.selection.getState().frameCount - 1),
  }),
  command({
    id: 'go.worst',
    title: 'Worst frame by PSNR',
    menu: 'Go',
    group: true,
    keys: ['w'],
    scope: 'frames',
    enabled: hasMetrics,
    run: (s) => stepByError(s, 'worst'),
  }),
  command({
    id: 'go.next-worst',
    title: 'Next frame by PSNR, worst first',
    menu: 'Go',
    keys: ['n'],
    enabled: hasMetrics,
    run: (s) => stepByError(s, 1),
  }),
  command({
    id: 'go.previous-worst',
    title: 'Previous frame by PSNR',
    menu: 'Go',
    keys: ['Shift+n'],
    enabled: hasMetrics,
    run: (s) => stepByError(s, -1),
  }),

  byPanel({ id: 'tracks.next-switch', title: 'Next id switch', menu: 'Go', group: true, keys: ['j'], scope: 'frames' }),
  byPanel({
    id: 'tracks.previous-switch',
    title: 'Previous id switch',
    menu: 'Go',
    keys: ['Shift+j'],
    scope: 'frames',
  }),

  byPanel({
    id: 'scene.focus',
    title: 'Scene: focus on selection',
    menu: 'Go',
    group: true,
    keys: ['f'],
    scope: 'scene',
  }),
  byPanel({ id: 'scene.reset', title: 'Scene: show everything', menu: 'Go', keys: ['r'], scope: 'scene' }),
  command({
    id: 'scene.mode',
    title: 'Scene: orbit or fly',
    menu: 'Go',
    keys: ['v'],
    scope: 'scene',
    enabled: hasProject,
    run: (s) => s.setSceneView({ mode: s.view.getState().scene.mode === 'orbit' ? 'fly' : 'orbit' }),
  }),
  command({
    id: 'scene.follow',
    title: 'Scene: camera follows the current frame',
    menu: 'Go',
    keys: ['t'],
    enabled: hasFrames,
    run: (s) => s.setSceneView({ followFrame: !s.view.getState().scene.followFrame }),
  }),
  command({
    id: 'scene.tint',
    title: 'Scene: tint splats by object: off, mixed, flat',
    menu: 'View',
    keys: ['o'],
    enabled: hasSplats,
    run: (s) => {
      const { tint } = s.view.getState().scene;
      s.setSceneView({ tint: tint === 'off' ? 'mixed' : tint === 'mixed' ? 'flat' : 'off' });
    },
  }),
  command({
    id: 'scene.isolate',
    title: 'Scene: selected objects alone, or everything',
    menu: 'View',
    keys: ['Shift+h'],
    enabled: hasSplats,
    run: (s) => s.setSceneView({ isolate: !s.view.getState().scene.isolate }),
  }),
  command({
    id: 'scene.relevancy',
    title: 'Scene: show or hide relevancy of the open queries',
    menu: 'View',
    keys: ['Shift+y'],
    enabled: hasSplats,
    run: (s) => s.setSceneView({ relevancy: !s.view.getState().scene.relevancy }),
  }),
  command({
    id: 'scene.cameras',
    title: 'Scene: show or hide cameras',
    keys: ['k'],
    enabled: hasFrames,
    run: (s) => s.setSceneView({ cameras: !s.view.getState().scene.cameras }),
  }),
  command({
    id: 'scene.points',
    title: 'Scene: show or hide sparse points',
    keys: ['p'],
    enabled: hasFrames,
    run: (s) => s.setSceneView({ points: !s.view.getState().scene.points }),
  }),
  ...(
    [
      ['forward', 'W'],
      ['left', 'A'],
      ['back', 'S'],
      ['right', 'D'],
      ['down', 'Q'],
      ['up', 'E'],
    ] as const
  ).map(([direction, key]) =>
    command({
      id: `scene.fly.${direction}`,
      title: `Scene: fly ${direction}`,
      keys: [`code:Key${key}`],
      scope: 'scene',
      hold: true,
      run: () => undefined,
    }),
  ),

  command({
    id: 'train.splats',
    title: 'Train splats…',
    menu: 'Train',
    keys: ['Mod+Enter'],
    enabled: hasCapture,
    run: (s) => s.openDialog({ kind: 'train' }),
  }),
  command({
    id: 'train.evaluate',
    title: 'Measure quality on held-out frames',
    menu: 'Train',
    enabled: hasSplats,
    run: evaluateModel,
  }),

  command({
    id: 'masks.segment',
    title: 'Segment frames…',
    menu: 'Train',
    group: true,
    enabled: hasCapture,
    run: (s) => s.openDialog({ kind: 'segment' }),
  }),
  command({
    id: 'lift.objects',
    title: 'Lift objects…',
    menu: 'Train',
    enabled: hasSplats,
    run: (s) => s.openDialog({ kind: 'lift' }),
  }),
  command({
    id: 'track.objects',
    title: 'Track objects…',
    menu: 'Train',
    enabled: hasCapture,
    run: (s) => s.openDialog({ kind: 'track' }),
  }),
  command({
    id: 'tracks.amodal',
    title: 'Amodal masks of the selected objects, or of all that are occluded',
    menu: 'Train',
    keys: ['Shift+w'],
    scope: 'frames',
    enabled: hasObservations,
    run: makeAmodalMasks,
  }),
  command({
    id: 'train.language',
    title: 'Train language field…',
    menu: 'Train',
    enabled: hasSplats,
    run: (s) => s.openDialog({ kind: 'train-language' }),
  }),

  command({
    id: 'help.shortcuts',
    title: 'Keyboard shortcuts',
    menu: 'Help',
    keys: ['F1', '?'],
    run: (s) => s.openDialog({ kind: 'shortcuts' }),
  }),
  command({ id: 'help.about', title: 'About Liftscope', menu: 'Help', run: (s) => s.openDialog({ kind: 'about' }) }),
];

const byId = new Map(commands.map((entry) => [entry.id, entry]));

/** Throws on an id that is not in the table: a button without a command is a mistake. */
export function commandById(id: string): Command {
  const found = byId.get(id);
  if (found === undefined) throw new Error(`no command ${id}`);
  return found;
}

/** Runs a command if it is enabled now; says whether it did. */
export function runCommand(studio: Studio, id: string): boolean {
  const { enabled, run } = commandById(id);
  if (!enabled(studio)) return false;
  run(studio);
  return true;
}

/** Physical codes of the keys that fly, by direction. */
export const flyKeys: ReadonlyMap<string, string> = new Map(
  commands
    .filter(({ hold }) => hold === true)
    .map(({ id, keys }) => [(keys[0] ?? '').replace('code:', ''), id.replace('scene.fly.', '')]),
);
