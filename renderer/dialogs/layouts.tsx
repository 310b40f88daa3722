import { useEffect, useState } from 'react';
import { z } from 'zod';
import { useInterface, useStudio } from '../state/index.ts';
import { Button, Dialog, Field, IconButton } from '../ui/index.ts';

/** Settings key of named layouts on this machine. */
const KEY = 'layouts';
const MAX_LAYOUTS = 30;
const layoutsSchema = z.array(z.object({ name: z.string().max(60), layout: z.json() })).max(MAX_LAYOUTS);
type Layouts = z.infer<typeof layoutsSchema>;

/** Arrangements of the panels, by name: save the present one, go to another. */
export function LayoutsDialog() {
  const studio = useStudio();
  const dock = useInterface((state) => state.dock);
  const [layouts, setLayouts] = useState<Layouts>([]);
  const [name, setName] = useState('');

  useEffect(() => {
    let live = true;
    void studio.attempt(async () => {
      const { value } = await studio.transport.call('settings.get', { key: KEY });
      const parsed = layoutsSchema.safeParse(value ?? []);
      if (live && parsed.success) setLayouts(parsed.data);
    });
    return () => {
      live = false;
    };
  }, [studio]);

  function keep(next: Layouts) {
    setLayouts(next);
    void studio.attempt(() => studio.transport.call('settings.set', { key: KEY, value: next }));
  }

  function save() {
    const trimmed = name.trim();
    if (dock === null || trimmed === '') return;
    const others = layouts.filter((entry) => entry.name !== trimmed);
    keep([...others, { name: trimmed, layout: z.json().parse(dock.capture()) }].slice(-MAX_LAYOUTS));
    setName('');
  }

  return (
    <Dialog title="Layouts" onClose={() => studio.closeDialog()} width={440}>
      <div className="stack">
        <form
          className="files-new"
          onSubmit={(event) => {
            event.preventDefault();
            save();
          }}
        >
          <Field
            label="Save the present layout as"
            value={name}
            maxLength={60}
            placeholder="for example: Review"
            onChange={(event) => setName(event.target.value)}
          />
          <Button variant="primary" disabled={dock === null || name.trim() === ''} onClick={save}>
            Save
          </Button>
        </form>
        {layouts.length === 0 ? (
          <p className="ui-field-note">
            No layout has been saved. The present one is kept anyway, also when you close the studio.
          </p>
        ) : (
          <ul className="layouts" aria-label="Saved layouts">
            {layouts.map((entry) => (
              <li key={entry.name}>
                <span>{entry.name}</span>
                <Button
                  size="small"
                  disabled={dock === null}
                  onClick={() => {
                    studio.closeDialog();
                    if (dock?.apply(entry.layout) === false)
                      studio.toast('error', `The layout ${entry.name} cannot be shown.`, 'Save it again.');
                  }}
                >
                  Show
                </Button>
                <IconButton
                  size="small"
                  icon="trash"
                  label={`Delete ${entry.name}`}
                  onClick={() => keep(layouts.filter((other) => other.name !== entry.name))}
                />
              </li>
            ))}
          </ul>
        )}
      </div>
    </Dialog>
  );
}
