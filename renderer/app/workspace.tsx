import { type DockviewApi, DockviewReact, type DockviewTheme, type IDockviewPanelHeaderProps } from 'dockview-react';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { panels } from '../panels/index.ts';
import { type PanelId, useCommandHandler, useStudio } from '../state/index.ts';
import { Icon } from '../ui/index.ts';
import { PanelFrame } from './panel-frame.tsx';

const THEME: DockviewTheme = {
  name: 'liftscope',
  className: 'dockview-theme-liftscope',
  gap: 4,
  dndOverlayMounting: 'absolute',
  dndPanelOverlay: 'group',
};

const components = Object.fromEntries(
  panels.map(({ id, title, component }) => [id, () => <PanelFrame title={title} component={component} />]),
);

const definition = new Map(panels.map((panel) => [panel.id, panel]));

function Tab({ api, tabLocation }: IDockviewPanelHeaderProps) {
  const panel = definition.get(api.id as PanelId);
  return (
    <div className="tab">
      {panel !== undefined && <Icon name={panel.icon} size={14} />}
      <span>{api.title ?? api.id}</span>
      {tabLocation === 'header' && (
        // No button: a tab may hold nothing that acts by itself. The command "Close panel" is the way for keyboards.
        <span
          className="tab-close"
          aria-hidden="true"
          title={`Close ${api.title ?? api.id}`}
          onPointerDown={(event) => event.stopPropagation()}
          onClick={(event) => {
            event.stopPropagation();
            api.close();
          }}
        >
          <Icon name="close" size={12} />
        </span>
      )}
    </div>
  );
}

/** The arrangement of studio.md: objects left, frames and scene in the middle, inspector right, timeline below. */
function arrange(api: DockviewApi): void {
  api.clear();
  const add = (id: PanelId, position?: Parameters<DockviewApi['addPanel']>[0]['position'], inactive = false) =>
    api.addPanel({
      id,
      component: id,
      title: definition.get(id)?.title ?? id,
      ...(position === undefined ? {} : { position }),
      inactive,
      renderer: id === 'scene' ? 'always' : 'onlyWhenVisible',
    });
  add('frames');
  add('scene', { referencePanel: 'frames', direction: 'right' });
  add('timeline', { direction: 'below' });
  add('objects', { referencePanel: 'frames', direction: 'left' });
  add('inspector', { referencePanel: 'scene', direction: 'right' });
  add('query', { referencePanel: 'objects', direction: 'within' }, true);
  add('jobs', { referencePanel: 'timeline', direction: 'within' }, true);
  add('metrics', { referencePanel: 'jobs', direction: 'within' }, true);
  add('embeddings', { referencePanel: 'scene', direction: 'within' }, true);
  const width = api.width;
  const height = api.height;
  const sides = { objects: Math.min(260, width * 0.19), inspector: Math.min(280, width * 0.2) };
  api.getPanel('objects')?.group.api.setSize({ width: sides.objects });
  api.getPanel('inspector')?.group.api.setSize({ width: sides.inspector });
  // Photo and 3D view are equals, and each has room for its tools in one line.
  api.getPanel('frames')?.group.api.setSize({ width: (width - sides.objects - sides.inspector) / 2 });
  api.getPanel('timeline')?.group.api.setSize({ height: Math.min(300, height * 0.34) });
  api.getPanel('frames')?.api.setActive();
}

/** Settings key of the arrangement on this machine. */
const LAYOUT_KEY = 'layout';
const SAVE_AFTER_MS = 500;
/** A change of the layout this soon after a click or a key is the user's. */
const INPUT_MS = 1500;

export function Workspace() {
  const studio = useStudio();
  const [api, setApi] = useState<DockviewApi | null>(null);
  const saved = useRef<ReturnType<typeof setTimeout> | null>(null);

  useEffect(() => {
    if (api === null) return;
    let live = true;
    // Restoring and resizing the window round the sizes of panels. Saving that would move them a little with every start.
    let inputAt = Number.NEGATIVE_INFINITY;
    let restoredAt = performance.now();
    const input = () => {
      inputAt = performance.now();
    };
    window.addEventListener('pointerup', input, true);
    window.addEventListener('keyup', input, true);
    void studio.transport
      .call('settings.get', { key: LAYOUT_KEY })
      .then(({ value }) => {
        if (!live) return;
        try {
          if (value === null) arrange(api);
          else api.fromJSON(value as unknown as Parameters<DockviewApi['fromJSON']>[0]);
        } catch {
          arrange(api);
        }
        if (api.panels.length === 0) arrange(api);
        restoredAt = performance.now();
      })
      .catch(() => live && arrange(api));
    const note = () => {
      studio.ui.setState({
        activePanel: (api.activePanel?.id as PanelId | undefined) ?? null,
        openPanels: api.panels.map(({ id }) => id as PanelId),
      });
    };
    const subscriptions = [
      api.onDidActivePanelChange(note),
      api.onDidLayoutChange(() => {
        note();
        const now = performance.now();
        if (now - inputAt > INPUT_MS || now - restoredAt < INPUT_MS) return;
        if (saved.current !== null) clearTimeout(saved.current);
        saved.current = setTimeout(() => {
          if (api.panels.length === 0) return;
          const value = JSON.parse(JSON.stringify(api.toJSON()));
          void studio.transport.call('settings.set', { key: LAYOUT_KEY, value }).catch(() => undefined);
        }, SAVE_AFTER_MS);
      }),
    ];
    studio.ui.setState({
      dock: {
        capture: () => JSON.parse(JSON.stringify(api.toJSON())),
        apply(layout) {
          try {
            api.fromJSON(layout as Parameters<DockviewApi['fromJSON']>[0]);
            return api.panels.length > 0;
          } catch {
            arrange(api);
            return false;
          }
        },
      },
    });
    for (const { id, title } of panels)
      studio.handlers.set(`panel.${id}`, () => {
        const panel = api.getPanel(id);
        if (panel !== undefined) panel.api.setActive();
        else {
          const beside = ['jobs', 'metrics', 'timeline'].includes(id)
            ? 'timeline'
            : id === 'embeddings' || id === 'models'
              ? 'scene'
              : 'inspector';
          const reference = api.getPanel(beside) ?? api.panels[0];
          api.addPanel({
            id,
            component: id,
            title,
            ...(reference === undefined ? {} : { position: { referencePanel: reference.id, direction: 'within' } }),
          });
        }
        api.getPanel(id)?.focus();
      });
    return () => {
      live = false;
      window.removeEventListener('pointerup', input, true);
      window.removeEventListener('keyup', input, true);
      if (saved.current !== null) clearTimeout(saved.current);
      for (const subscription of subscriptions) subscription.dispose();
      for (const { id } of panels) studio.handlers.delete(`panel.${id}`);
      studio.ui.setState({ activePanel: null, openPanels: [], dock: null });
    };
  }, [api, studio]);

  useCommandHandler(
    'view.layout.reset',
    useCallback(() => {
      if (api !== null) arrange(api);
    }, [api]),
  );
  useCommandHandler(
    'view.panel.close',
    useCallback(() => api?.activePanel?.api.close(), [api]),
  );
  useCommandHandler(
    'view.panel.maximize',
    useCallback(() => {
      if (api === null) return;
      if (api.hasMaximizedGroup()) api.exitMaximizedGroup();
      else if (api.activePanel !== undefined) api.maximizeGroup(api.activePanel);
    }, [api]),
  );

  return useMemo(
    () => (
      <main className="workspace" aria-label="Workspace">
        <DockviewReact
          theme={THEME}
          components={components}
          defaultTabComponent={Tab}
          disableFloatingGroups
          onReady={(event) => setApi(event.api)}
        />
      </main>
    ),
    [],
  );
}
