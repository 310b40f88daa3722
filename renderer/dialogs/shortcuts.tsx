import { type Command, commands, formatChord, isMac } from '../commands/index.ts';
import { useStudio } from '../state/index.ts';
import { Dialog, Kbd } from '../ui/index.ts';

const SCOPES: readonly { readonly scope: Command['scope']; readonly title: string; readonly note: string }[] = [
  { scope: 'global', title: 'Everywhere', note: 'Not while typing in a field.' },
  { scope: 'frames', title: 'Outside the Scene panel', note: 'Frames, Timeline, Objects and the others.' },
  { scope: 'timeline', title: 'In the Timeline', note: 'Here these go before the others.' },
  {
    scope: 'scene',
    title: 'In the Scene panel',
    note: 'Click it first. WASD and QE are keys by position, in fly mode.',
  },
];

export function ShortcutSheet() {
  const studio = useStudio();
  const mac = isMac();
  return (
    <Dialog title="Keyboard shortcuts" onClose={() => studio.closeDialog()} width={880}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the sheet is longer than small windows, and scrolls by keys */}
      <div className="shortcuts" tabIndex={0} data-autofocus="">
        {SCOPES.map(({ scope, title, note }) => (
          <section key={scope} aria-label={title}>
            <h3>{title}</h3>
            <p className="ui-field-note">{note}</p>
            <ul>
              {commands
                .filter((command) => command.scope === scope && command.keys.length > 0)
                .map((command) => (
                  <li key={command.id}>
                    <span>{command.title.replace(/…$/, '')}</span>
                    <span className="shortcuts-keys">
                      {command.keys.map((key) => (
                        <Kbd key={key} keys={formatChord(key, mac)} />
                      ))}
                    </span>
                  </li>
                ))}
            </ul>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
