import { type ReactNode, useEffect, useId, useRef, useState } from 'react';
import { Icon } from './icons.tsx';
import { visibleRows } from './window.ts';

export interface Column<Row> {
  readonly id: string;
  readonly title: string;
  /** The title is for screen readers alone: a column of icons. */
  readonly hideTitle?: boolean;
  /** CSS grid track: `60px`, `1fr`. */
  readonly width: string;
  readonly align?: 'left' | 'right';
  readonly cell: (row: Row, index: number) => ReactNode;
  /** Makes the heading a sort button. */
  readonly sortable?: boolean;
}

export interface Sorting {
  readonly column: string;
  readonly descending: boolean;
}

interface TableProps<Row> {
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row, index: number) => string | number;
  isSelected?: (row: Row) => boolean;
  /** Click, Enter and arrow keys; `mode` from Shift and Ctrl/Cmd. */
  onSelect?: (row: Row, mode: 'replace' | 'toggle' | 'range', index: number) => void;
  onOpen?: (row: Row) => void;
  /** The row under the pointer; null when it leaves. */
  onHover?: (row: Row | null) => void;
  /** Under the pointer here or elsewhere. */
  isHovered?: (row: Row) => boolean;
  sorting?: Sorting;
  onSort?: (sorting: Sorting) => void;
  /** Brings this row into sight, and the keyboard to it, whenever it changes. */
  scrollTo?: number | null;
  rowHeight?: number;
  empty?: ReactNode;
  /** Takes the keyboard when it appears: for a dialog that is about this table. */
  focusOnMount?: boolean;
}

/** Height of the heading row, pixels; it stays in sight and covers that much of the rows. */
const HEAD_HEIGHT = 28;

/** Rows of equal height, of which only those in sight are in the page: ten thousand are as fast as ten. */
export function Table<Row>({
  label,
  columns,
  rows,
  rowKey,
  isSelected,
  onSelect,
  onOpen,
  onHover,
  isHovered,
  sorting,
  onSort,
  scrollTo = null,
  rowHeight = 28,
  empty,
  focusOnMount = false,
}: TableProps<Row>) {
  const grid = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 600 });
  /** A panel that is not in sight has no height, and scrolling in it does nothing. */
  const [measured, setMeasured] = useState(false);
  /** By key: sorting and filtering move the row, and the cursor with it. */
  const [cursorKey, setCursorKey] = useState<string | number | null>(null);
  const cursor = cursorKey === null ? -1 : rows.findIndex((row, index) => rowKey(row, index) === cursorKey);
  const id = useId();

  useEffect(() => {
    const element = grid.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => {
      setView({ top: element.scrollTop, height: element.clientHeight });
      setMeasured(element.clientHeight > HEAD_HEIGHT);
    });
    observer.observe(element);
    if (focusOnMount) element.focus({ preventScroll: true });
    return () => observer.disconnect();
  }, [focusOnMount]);

  function reveal(index: number) {
    const element = grid.current;
    if (element === null || index < 0) return;
    const top = index * rowHeight;
    const visible = element.clientHeight - HEAD_HEIGHT;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + rowHeight > element.scrollTop + visible) element.scrollTop = top + rowHeight - visible;
  }

  function setCursor(index: number) {
    const row = rows[index];
    setCursorKey(row === undefined ? null : rowKey(row, index));
  }

  // biome-ignore lint/correctness/useExhaustiveDependencies: scrolling follows the wish alone, not every rendering
  useEffect(() => {
    if (scrollTo === null || !measured) return;
    reveal(scrollTo);
    setCursor(scrollTo);
  }, [scrollTo, rowHeight, measured]);

  const { first, last } = visibleRows(view.top, view.height - HEAD_HEIGHT, rowHeight, rows.length);

  function move(event: React.KeyboardEvent) {
    // Buttons of the heading have their own keys.
    if (event.target !== event.currentTarget) return;
    const page = Math.max(1, Math.floor((view.height - HEAD_HEIGHT) / rowHeight) - 1);
    const selected = rows.findIndex((row) => isSelected?.(row) === true);
    const at = cursor >= 0 ? cursor : selected;
    const targets: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: rows.length - 1,
    };
    const row = rows[at];
    if (event.key === 'Enter' && row !== undefined) {
      event.preventDefault();
      if (onOpen !== undefined) onOpen(row);
      else onSelect?.(row, 'replace', at);
      return;
    }
    if (event.key === ' ' && !event.shiftKey && row !== undefined && onSelect !== undefined) {
      event.preventDefault();
      onSelect(row, 'toggle', at);
      return;
    }
    const target = targets[event.key];
    if (target === undefined || rows.length === 0) return;
    event.preventDefault();
    const next = Math.max(0, Math.min(rows.length - 1, target));
    setCursor(next);
    reveal(next);
    const chosen = rows[next];
    if (chosen !== undefined) onSelect?.(chosen, event.shiftKey ? 'range' : 'replace', next);
  }

  const style = { '--columns': columns.map(({ width }) => width).join(' ') } as React.CSSProperties;
  const shown = cursor >= first && cursor < last ? cursor : -1;
  return (
    // biome-ignore lint/a11y/useSemanticElements: rows out of sight are not in the page, which a table element cannot express
    <div
      ref={grid}
      className="ui-table"
      style={style}
      role="grid"
      tabIndex={0}
      aria-label={label}
      aria-rowcount={rows.length + 1}
      {...(shown < 0 ? {} : { 'aria-activedescendant': `${id}-${shown}` })}
      onKeyDown={move}
      onScroll={(event) => setView({ top: event.currentTarget.scrollTop, height: event.currentTarget.clientHeight })}
    >
      {/* biome-ignore lint/a11y/useSemanticElements: part of the grid above */}
      {/* biome-ignore lint/a11y/useFocusableInteractive: the grid has the focus */}
      <div className="ui-table-head" role="row" aria-rowindex={1}>
        {columns.map((column) => (
          // biome-ignore lint/a11y/useSemanticElements: part of the grid above
          // biome-ignore lint/a11y/useFocusableInteractive: the grid has the focus
          <div
            key={column.id}
            role="columnheader"
            data-align={column.align ?? 'left'}
            {...(sorting?.column === column.id
              ? { 'aria-sort': sorting.descending ? ('descending' as const) : ('ascending' as const) }
              : {})}
          >
            {column.sortable === true && onSort !== undefined ? (
              <button
                type="button"
                onClick={() =>
                  onSort({
                    column: column.id,
                    descending: sorting?.column === column.id ? !sorting.descending : false,
                  })
                }
              >
                {column.hideTitle === true ? <span className="visually-hidden">{column.title}</span> : column.title}
                {sorting?.column === column.id && (
                  <span style={{ transform: sorting.descending ? 'rotate(180deg)' : 'none' }}>
                    <Icon name="arrow-up" size={12} />
                  </span>
                )}
              </button>
            ) : column.hideTitle === true ? (
              <span className="visually-hidden">{column.title}</span>
            ) : (
              column.title
            )}
          </div>
        ))}
      </div>
      {rows.length === 0 ? (
        empty
      ) : (
        // biome-ignore lint/a11y/useSemanticElements: part of the grid above
        <div
          className="ui-table-body"
          role="rowgroup"
          style={{ height: rows.length * rowHeight }}
          onPointerLeave={() => onHover?.(null)}
        >
          {rows.slice(first, last).map((row, offset) => {
            const index = first + offset;
            return (
              // biome-ignore lint/a11y/useSemanticElements: part of the grid above
              // biome-ignore lint/a11y/useFocusableInteractive: the grid has the focus
              // biome-ignore lint/a11y/useKeyWithClickEvents: keys are handled by the grid
              <div
                key={rowKey(row, index)}
                id={`${id}-${index}`}
                role="row"
                aria-rowindex={index + 2}
                aria-selected={isSelected?.(row) ?? false}
                data-cursor={index === cursor}
                data-hovered={isHovered?.(row) ?? false}
                onPointerEnter={() => onHover?.(row)}
                className="ui-table-row"
                style={{ top: index * rowHeight, height: rowHeight }}
                onClick={(event) => {
                  setCursor(index);
                  onSelect?.(
                    row,
                    event.shiftKey ? 'range' : event.ctrlKey || event.metaKey ? 'toggle' : 'replace',
                    index,
                  );
                }}
                onDoubleClick={() => onOpen?.(row)}
              >
                {columns.map((column) => (
                  // biome-ignore lint/a11y/useSemanticElements: part of the grid above
                  // biome-ignore lint/a11y/useFocusableInteractive: the grid has the focus
                  <div key={column.id} role="gridcell" data-align={column.align ?? 'left'}>
                    {column.cell(row, index)}
                  </div>
                ))}
              </div>
            );
          })}
        </div>
      )}
    </div>
  );
}
