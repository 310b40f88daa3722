import type { ObjectView } from '../../../contract/index.ts';
import type { Studio } from '../../state/index.ts';
import { type Column, formatCount, formatPercent, Icon, type IconName } from '../../ui/index.ts';
import { ColourPicker } from './colour-picker.tsx';
import { changeObjects, isolateObjects } from './edits.ts';
import { InlineText } from './inline-text.tsx';
import { type ObjectField, targetsOf } from './rows.ts';

export interface Editing {
  readonly id: number;
  readonly field: 'name' | 'class';
}

interface CellContext {
  readonly studio: Studio;
  readonly editing: Editing | null;
  readonly classes: readonly string[];
  readonly edit: (editing: Editing | null) => void;
  /** Gives the keyboard back to the table. */
  readonly refocus: () => void;
}

interface ObjectColumn extends Column<ObjectView> {
  readonly id: ObjectField;
  /** Width of the panel from which on there is room for it, pixels. */
  readonly from: number;
}

interface ToggleProps {
  icon: IconName;
  label: string;
  title: string;
  /** The state that is worth seeing without pointing at it. */
  on: boolean;
  onClick: (event: React.MouseEvent) => void;
}

/** A small switch in a row. It leaves the keyboard with the table, which has keys for the same. */
function RowToggle({ icon, label, title, on, onClick }: ToggleProps) {
  return (
    <button
      type="button"
      className="objects-toggle"
      data-on={on}
      aria-label={label}
      aria-pressed={on}
      title={title}
      tabIndex={-1}
      onPointerDown={(event) => event.preventDefault()}
      onMouseDown={(event) => event.preventDefault()}
      onClick={(event) => {
        event.stopPropagation();
        onClick(event);
      }}
      onDoubleClick={(event) => event.stopPropagation()}
    >
      <Icon name={icon} size={14} />
    </button>
  );
}

/** Every column, in the order of the table. A control of a selected row acts on all that is selected. */
export function objectColumns({ studio, editing, classes, edit, refocus }: CellContext): readonly ObjectColumn[] {
  const targets = (id: number) => targetsOf(studio.selection.getState().objects, id);
  const isEdited = (object: ObjectView, field: Editing['field']) =>
    editing !== null && editing.id === object.id && editing.field === field;
  return [
    {
      id: 'colour',
      title: 'Colour',
      hideTitle: true,
      width: '18px',
      from: 0,
      cell: (object) => (
        <ColourPicker
          color={object.color}
          of={object.name}
          tabIndex={-1}
          onPick={(color) => void changeObjects(studio, targets(object.id), { color })}
        />
      ),
    },
    {
      id: 'id',
      title: '#',
      width: '44px',
      align: 'right',
      sortable: true,
      from: 460,
      cell: (object) => <span className="objects-faint">{object.id}</span>,
    },
    {
      id: 'name',
      title: 'Name',
      width: 'minmax(40px, 2fr)',
      sortable: true,
      from: 0,
      cell: (object) =>
        isEdited(object, 'name') ? (
          <InlineText
            label={`Name of ${object.name}`}
            value={object.name}
            onEnd={(name, back) => {
              edit(null);
              if (back) refocus();
              if (name !== null) void changeObjects(studio, [object.id], { name });
            }}
          />
        ) : (
          <span className="objects-name" data-hidden={object.hidden}>
            {object.name}
          </span>
        ),
    },
    {
      id: 'class',
      title: 'Class',
      width: 'minmax(56px, 1fr)',
      sortable: true,
      from: 340,
      cell: (object) =>
        isEdited(object, 'class') ? (
          <InlineText
            label={`Class of ${object.name}`}
            value={object.className}
            optional
            suggestions={classes}
            onEnd={(className, back) => {
              edit(null);
              if (back) refocus();
              if (className !== null) void changeObjects(studio, targets(object.id), { className });
            }}
          />
        ) : (
          // biome-ignore lint/a11y/noStaticElementInteractions: a short way; the Inspector has the field
          <span
            className="objects-class"
            onDoubleClick={(event) => {
              event.stopPropagation();
              edit({ id: object.id, field: 'class' });
            }}
          >
            {object.className === '' ? '–' : object.className}
          </span>
        ),
    },
    {
      id: 'frames',
      title: 'Frames',
      width: '50px',
      align: 'right',
      sortable: true,
      from: 250,
      cell: (object) => <span className="objects-number">{formatCount(object.frames)}</span>,
    },
    {
      id: 'first',
      title: 'First',
      width: '44px',
      align: 'right',
      sortable: true,
      from: 540,
      cell: (object) => (
        <span className="objects-number">{formatCount(object.firstFrame === null ? null : object.firstFrame + 1)}</span>
      ),
    },
    {
      id: 'confidence',
      title: 'Conf.',
      width: '48px',
      align: 'right',
      sortable: true,
      from: 400,
      cell: (object) => <span className="objects-number">{formatPercent(object.confidence)}</span>,
    },
    {
      id: 'hidden',
      title: 'Shown',
      hideTitle: true,
      width: '20px',
      from: 0,
      cell: (object) => (
        <RowToggle
          icon={object.hidden ? 'eye-off' : 'eye'}
          label={`Hide ${object.name}`}
          title={object.hidden ? 'Show. With Alt: this one alone' : 'Hide. With Alt: show this one alone'}
          on={object.hidden}
          onClick={(event) =>
            void (event.altKey
              ? isolateObjects(studio, targets(object.id))
              : changeObjects(studio, targets(object.id), { hidden: !object.hidden }))
          }
        />
      ),
    },
    {
      id: 'locked',
      title: 'Locked',
      hideTitle: true,
      width: '20px',
      from: 190,
      cell: (object) => (
        <RowToggle
          icon={object.locked ? 'lock' : 'unlock'}
          label={`Lock ${object.name}`}
          title={object.locked ? 'Unlock' : 'Lock: no edit and no lift changes it'}
          on={object.locked}
          onClick={() => void changeObjects(studio, targets(object.id), { locked: !object.locked })}
        />
      ),
    },
  ];
}
