import { useEffect, useRef } from 'react';

interface InlineTextProps {
  label: string;
  value: string;
  /** May the text be taken away? Otherwise an empty one is as good as Escape. */
  optional?: boolean;
  suggestions?: readonly string[];
  /** Null: given up. `refocus`: by a key, so the keyboard goes back to where it came from. */
  onEnd: (value: string | null, refocus: boolean) => void;
}

/** A text edited where it stands: Enter and leaving it keep what was typed, Escape gives up. */
export function InlineText({ label, value, optional = false, suggestions, onEnd }: InlineTextProps) {
  const input = useRef<HTMLInputElement>(null);
  const ended = useRef(false);
  useEffect(() => {
    input.current?.focus({ preventScroll: true });
    input.current?.select();
  }, []);

  function end(keep: boolean, refocus: boolean) {
    if (ended.current) return;
    ended.current = true;
    const typed = input.current?.value.trim() ?? '';
    const changed = keep && typed !== value && (optional || typed !== '');
    onEnd(changed ? typed : null, refocus);
  }

  const listId = suggestions === undefined ? undefined : 'objects-suggestions';
  return (
    <>
      <input
        ref={input}
        className="objects-inline"
        aria-label={label}
        defaultValue={value}
        maxLength={200}
        autoComplete="off"
        spellCheck={false}
        list={listId}
        onClick={(event) => event.stopPropagation()}
        onDoubleClick={(event) => event.stopPropagation()}
        onBlur={() => end(true, false)}
        onKeyDown={(event) => {
          event.stopPropagation();
          if (event.nativeEvent.isComposing) return;
          if (event.key === 'Enter' || event.key === 'Escape') {
            event.preventDefault();
            end(event.key === 'Enter', true);
          }
        }}
      />
      {suggestions !== undefined && (
        <datalist id={listId}>
          {suggestions.map((suggestion) => (
            <option key={suggestion} value={suggestion} />
          ))}
        </datalist>
      )}
    </>
  );
}
