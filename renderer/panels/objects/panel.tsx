import './objects.css';
import { useCallback, useDeferredValue, useEffect, useMemo, useRef, useState } from 'react';
import type { ObjectView } from '../../../contract/index.ts';
import { commandById, formatChord, isMac, runCommand } from '../../commands/index.ts';
import { useCommandHandler, useRecords, useSelection, useSession, useStudio } from '../../state/index.ts';
import {
  Button,
  EmptyState,
  ErrorState,
  formatCount,
  Icon,
  IconButton,
  LoadingState,
  Menu,
  plural,
  type Sorting,
  Table,
} from '../../ui/index.ts';
import { type Editing, objectColumns } from './columns.tsx';
import {
  changeObjects,
  createObject,
  deleteObjects,
  isFree,
  isolateObjects,
  mergeObjects,
  toggleHidden,
  toggleLocked,
} from './edits.ts';
import { classNames, type ObjectField, rangeOfIds, searchObjects, sortObjects } from './rows.ts';

const keysOf = (id: string): string => formatChord(commandById(id).keys[0] ?? '', isMac());

const SORTS: readonly [ObjectField, string][] = [
  ['id', 'Number'],
  ['name', 'Name'],
  ['class', 'Class'],
  ['frames', 'Frames'],
  ['first', 'First frame'],
  ['confidence', 'Confidence'],
  ['colour', 'Colour'],
  ['hidden', 'Shown first'],
  ['locked', 'Locked first'],
];

export function ObjectsPanel() {
  const studio = useStudio();
  const objects = useRecords((state) => state.objects);
  const captureId = useSession((state) => state.project?.currentCaptureId ?? null);
  const splatsId = useSession((state) => state.project?.currentSplatsId ?? null);
  if (captureId === null)
    return (
      <div className="ui-panel">
        <EmptyState
          icon="list"
          title="No objects yet"
          actions={
            <Button variant="primary" icon="import" onClick={() => runCommand(studio, 'capture.import')}>
              Import a capture
            </Button>
          }
        >
          The things in the scene are listed here, each with one identity in all frames and in 3D. They are lifted from
          the masks of a capture.
        </EmptyState>
      </div>
    );
  if (objects.status === 'error') return <ErrorState failure={objects.failure} />;
  if (objects.status !== 'ready') return <LoadingState label="Loading objects" />;
  return <ObjectList objects={objects.value.objects} hasSplats={splatsId !== null} />;
}

/** What there is to do where no object is. */
function NoObjects({ hasSplats, onCreate }: { hasSplats: boolean; onCreate: () => void }) {
  const studio = useStudio();
  return (
    <EmptyState
      icon="list"
      title="No objects yet"
      actions={
        <>
          <Button
            variant="primary"
            icon={hasSplats ? 'lift' : 'train'}
            onClick={() => runCommand(studio, hasSplats ? 'lift.objects' : 'train.splats')}
          >
            {hasSplats ? 'Lift objects…' : 'Train splats…'}
          </Button>
          <Button icon="plus" onClick={onCreate}>
            New object
          </Button>
        </>
      }
    >
      An object is one thing with one identity in all frames and in 3D. Lifting finds them: it joins the instance masks
      of the frames, which may disagree, on the splats.
      {!hasSplats && ' Splats come first.'}
    </EmptyState>
  );
}

/** Width of an element, pixels; it starts as that of the default layout. */
function useWidth(): [React.RefObject<HTMLDivElement | null>, number] {
  const element = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(260);
  useEffect(() => {
    if (element.current === null) return;
    const observer = new ResizeObserver(([entry]) => {
      if (entry !== undefined && entry.contentRect.width > 0) setWidth(entry.contentRect.width);
    });
    observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  return [element, width];
}

function ObjectList({ objects, hasSplats }: { objects: readonly ObjectView[]; hasSplats: boolean }) {
  const studio = useStudio();
  const selected = useSelection((state) => state.objects);
  const hovered = useSelection((state) => state.hoveredObject);
  const [search, setSearch] = useState('');
  const query = useDeferredValue(search);
  const [sorting, setSorting] = useState<Sorting>({ column: 'id', descending: false });
  const [editing, setEditing] = useState<Editing | null>(null);
  const [panel, width] = useWidth();
  /** Where a range starts, and the selection as this panel made it: any other came from elsewhere. */
  const own = useRef<{ anchor: number | null; objects: readonly number[] }>({ anchor: null, objects: [] });
  /** The ids there were when a new object was asked for. */
  const before = useRef<ReadonlySet<number> | null>(null);

  const rows = useMemo(
    () => sortObjects(searchObjects(objects, query), sorting.column as ObjectField, sorting.descending),
    [objects, query, sorting],
  );
  const marked = useMemo(() => new Set(selected), [selected]);
  const classes = useMemo(() => classNames(objects), [objects]);
  const primary = selected.at(-1) ?? null;
  const elsewhere = primary !== null && selected !== own.current.objects;
  const at = elsewhere ? rows.findIndex(({ id }) => id === primary) : -1;

  const select = useCallback(
    (ids: readonly number[], mode: 'replace' | 'toggle', anchor: number | null) => {
      studio.selectObjects(ids, mode);
      own.current = { anchor, objects: studio.selection.getState().objects };
    },
    [studio],
  );
  // What is selected comes back into sight with the rows around it.
  // biome-ignore lint/correctness/useExhaustiveDependencies: runs when the search changes
  useEffect(() => {
    own.current = { ...own.current, objects: [] };
  }, [search]);
  const refocus = useCallback(
    () => panel.current?.querySelector<HTMLElement>('[role="grid"]')?.focus({ preventScroll: true }),
    [panel],
  );
  const edit = useCallback(
    (next: Editing | null) => setEditing(next === null || isFree(studio, next.id) ? next : null),
    [studio],
  );
  const rename = useCallback(() => {
    const id = studio.selection.getState().objects.at(-1);
    if (id === undefined || !isFree(studio, id)) return;
    // The one to rename may be filtered out, or out of sight.
    setSearch((text) => (searchObjects(objects, text).some((object) => object.id === id) ? text : ''));
    setEditing({ id, field: 'name' });
  }, [studio, objects]);
  const create = useCallback(async () => {
    before.current = new Set(objects.map(({ id }) => id));
    setSearch('');
    if (!(await createObject(studio))) before.current = null;
  }, [studio, objects]);
  useEffect(() => {
    const known = before.current;
    const made = known === null ? undefined : objects.find(({ id }) => !known.has(id));
    if (made === undefined) return;
    before.current = null;
    studio.selectObjects([made.id]);
    setEditing({ id: made.id, field: 'name' });
  }, [studio, objects]);
  useEffect(() => () => studio.hoverObject(null), [studio]);

  const onSelection = useCallback(
    (run: (ids: readonly number[]) => Promise<void>) => () => {
      const ids = studio.selection.getState().objects;
      if (ids.length > 0) void run(ids);
    },
    [studio],
  );
  const merge = useMemo(() => onSelection((ids) => mergeObjects(studio, ids)), [onSelection, studio]);
  const remove = useMemo(() => onSelection((ids) => deleteObjects(studio, ids)), [onSelection, studio]);
  const hide = useMemo(() => onSelection((ids) => toggleHidden(studio, ids)), [onSelection, studio]);
  const isolate = useMemo(() => onSelection((ids) => isolateObjects(studio, ids)), [onSelection, studio]);
  const lock = useMemo(() => onSelection((ids) => toggleLocked(studio, ids)), [onSelection, studio]);
  const showAll = () => void changeObjects(studio, ids(objects), { hidden: false });
  const startCreate = useCallback(() => void create(), [create]);
  useCommandHandler('objects.create', startCreate);

  const columns = useMemo(
    () =>
      objectColumns({ studio, editing, classes, edit, refocus }).filter(
        ({ from, id }) => width >= from || (editing?.field === 'class' && id === 'class'),
      ),
    [studio, editing, classes, edit, refocus, width],
  );

  const none = selected.length === 0;
  const more = () => [
    {
      id: 'rename',
      label: 'Rename',
      icon: 'edit' as const,
      keys: keysOf('objects.rename'),
      disabled: none,
      run: rename,
    },
    {
      id: 'merge',
      label: 'Merge selected',
      icon: 'merge' as const,
      keys: keysOf('objects.merge'),
      disabled: selected.length < 2,
      run: merge,
    },
    {
      id: 'delete',
      label: 'Delete selected',
      icon: 'trash' as const,
      keys: keysOf('objects.delete'),
      disabled: none,
      run: remove,
    },
    { id: 'rule-look', separator: true as const },
    {
      id: 'hide',
      label: 'Hide or show selected',
      icon: 'eye-off' as const,
      keys: keysOf('objects.toggle-hidden'),
      disabled: none,
      run: hide,
    },
    { id: 'isolate', label: 'Show selected alone', icon: 'target' as const, disabled: none, run: isolate },
    {
      id: 'show',
      label: 'Show all',
      icon: 'eye' as const,
      disabled: objects.every(({ hidden }) => !hidden),
      run: showAll,
    },
    { id: 'lock', label: 'Lock or unlock selected', icon: 'lock' as const, disabled: none, run: lock },
    { id: 'rule-amodal', separator: true as const },
    {
      id: 'amodal',
      label: none ? 'Amodal masks of occluded objects' : 'Amodal masks of selected',
      icon: 'blend' as const,
      keys: keysOf('tracks.amodal'),
      disabled: !commandById('tracks.amodal').enabled(studio),
      run: () => runCommand(studio, 'tracks.amodal'),
    },
    { id: 'rule-sort', separator: true as const },
    ...SORTS.map(([column, label]) => ({
      id: `sort-${column}`,
      label: `Sort: ${label}`,
      checked: sorting.column === column,
      run: () => setSorting({ column, descending: sorting.column === column && !sorting.descending }),
    })),
  ];

  return (
    <div className="ui-panel" ref={panel}>
      <div className="ui-toolbar" role="toolbar" aria-label="Objects">
        <div className="objects-search">
          <Icon name="search" size={14} />
          <input
            type="search"
            className="ui-input"
            aria-label="Search objects by name, class or number"
            placeholder="Search"
            autoComplete="off"
            spellCheck={false}
            value={search}
            disabled={objects.length === 0}
            onChange={(event) => setSearch(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === 'Escape' && search !== '') {
                event.preventDefault();
                event.stopPropagation();
                setSearch('');
              } else if (event.key === 'ArrowDown' || event.key === 'Enter') {
                event.preventDefault();
                const first = rows[0];
                if (first !== undefined) select([first.id], 'replace', first.id);
                refocus();
              }
            }}
          />
        </div>
        <IconButton icon="plus" label="New object" onClick={startCreate} />
        <Menu
          label="Objects"
          align="end"
          items={more}
          trigger={(props) => (
            <button
              {...props}
              type="button"
              className="ui-button"
              data-variant="quiet"
              data-icon-only=""
              aria-label="More for objects"
            >
              <Icon name="more" />
            </button>
          )}
        />
      </div>
      {objects.length === 0 ? (
        <NoObjects hasSplats={hasSplats} onCreate={startCreate} />
      ) : (
        <>
          {/* biome-ignore lint/a11y/noStaticElementInteractions: keys of the table within */}
          <div
            className="objects-table"
            onKeyDown={(event) => {
              if (event.key.toLowerCase() !== 'a' || !(event.ctrlKey || event.metaKey) || event.altKey) return;
              if ((event.target as HTMLElement).getAttribute('role') !== 'grid') return;
              event.preventDefault();
              select(ids(rows), 'replace', rows[0]?.id ?? null);
            }}
          >
            <Table
              label="Objects"
              columns={columns}
              rows={rows}
              rowKey={({ id }) => id}
              isSelected={({ id }) => marked.has(id)}
              onSelect={({ id }, mode) => {
                const { anchor, objects: last } = own.current;
                const from = last === studio.selection.getState().objects ? anchor : primary;
                if (mode === 'range') select(rangeOfIds(rows, from, id), 'replace', from ?? id);
                else select([id], mode, id);
              }}
              onOpen={({ id }) => edit({ id, field: 'name' })}
              onHover={(object) => studio.hoverObject(object?.id ?? null)}
              isHovered={({ id }) => id === hovered}
              sorting={sorting}
              onSort={setSorting}
              scrollTo={at < 0 ? null : at}
              empty={
                <div className="objects-none">
                  <p>Nothing is called that.</p>
                  <Button size="small" onClick={() => setSearch('')}>
                    Show all {plural(objects.length, 'object')}
                  </Button>
                </div>
              }
            />
          </div>
          <footer className="objects-status tabular">
            <span role="status">
              {none
                ? rows.length === objects.length
                  ? plural(objects.length, 'object')
                  : `${formatCount(rows.length)} of ${plural(objects.length, 'object')}`
                : `${formatCount(selected.length)} of ${formatCount(objects.length)} selected`}
            </span>
            <span className="ui-toolbar-gap" />
            {!none && (
              <>
                <Offer id="objects.rename" run={rename} />
                <Offer id="objects.delete" run={remove} />
                <Offer id="objects.toggle-hidden" run={hide} />
                <IconButton
                  icon="merge"
                  size="small"
                  label={selected.length < 2 ? 'Merge: select two or more' : `Merge ${selected.length} objects`}
                  keys={keysOf('objects.merge')}
                  disabled={selected.length < 2}
                  onClick={merge}
                />
                <IconButton
                  icon="trash"
                  size="small"
                  label={`Delete ${plural(selected.length, 'object')}`}
                  keys={keysOf('objects.delete')}
                  onClick={remove}
                />
              </>
            )}
            {selected.length > 1 && <Offer id="objects.merge" run={merge} />}
          </footer>
        </>
      )}
    </div>
  );
}

const ids = (objects: readonly ObjectView[]): readonly number[] => objects.map(({ id }) => id);

/** Enables a command for as long as it makes sense. */
function Offer({ id, run }: { id: string; run: () => void }) {
  useCommandHandler(id, run);
  return null;
}
