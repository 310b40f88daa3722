import { type ReactNode, useEffect, useState } from 'react';
import { useStudio } from '../../state/index.ts';
import { Icon, useTooltip } from '../../ui/index.ts';

/** Through the clipboard's API, or, in a window that may not use it, through the copy command. */
async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    let copied = false;
    const put = (event: ClipboardEvent) => {
      event.clipboardData?.setData('text/plain', text);
      event.preventDefault();
      copied = true;
    };
    document.addEventListener('copy', put, { once: true });
    document.execCommand('copy');
    document.removeEventListener('copy', put);
    return copied;
  }
}

const SHOWN_MS = 1400;

/** Copies, and shows for a moment that it did. */
export function CopyButton({ label, text }: { label: string; text: string }) {
  const studio = useStudio();
  const [done, setDone] = useState(false);
  const tooltip = useTooltip(label);
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => setDone(false), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [done]);
  return (
    <button
      {...tooltip}
      type="button"
      className="inspector-copy"
      data-done={done}
      aria-label={label}
      onClick={async () => {
        const copied = await copyText(text);
        setDone(copied);
        if (!copied) studio.toast('error', 'The clipboard did not take it.');
      }}
    >
      <Icon name={done ? 'check' : 'copy'} size={14} />
    </button>
  );
}

export function Section({ title, actions, children }: { title: string; actions?: ReactNode; children: ReactNode }) {
  return (
    <section className="inspector-section">
      <header>
        <h3>{title}</h3>
        {actions}
      </header>
      {children}
    </section>
  );
}

interface FactProps {
  name: string;
  children: ReactNode;
  /** Offers to copy this. */
  copy?: string;
}

/** One line of a `dl`. */
export function Fact({ name, children, copy }: FactProps) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
      {copy !== undefined && (
        <dd className="inspector-fact-copy">
          <CopyButton label={`Copy ${name.toLowerCase()}`} text={copy} />
        </dd>
      )}
    </div>
  );
}

/** A path, cut at its start where there is no room. */
export function Path({ path }: { path: string }) {
  return (
    <span className="inspector-path selectable" title={path}>
      <bdi dir="ltr">{path}</bdi>
    </span>
  );
}

interface TextBoxProps {
  label: string;
  value: string;
  /** Shown where several things differ. */
  placeholder?: string;
  /** May be emptied. */
  optional?: boolean;
  disabled?: boolean;
  suggestions?: readonly string[];
  onCommit: (value: string) => void;
}

/** A field that keeps what was typed on Enter and when it is left; Escape takes it back. */
export function TextBox({
  label,
  value,
  placeholder,
  optional = false,
  disabled,
  suggestions,
  onCommit,
}: TextBoxProps) {
  const [typed, setTyped] = useState<string | null>(null);
  const id = `inspector-${label.toLowerCase()}`;
  function commit() {
    const text = typed?.trim() ?? value;
    setTyped(null);
    if (text !== value && (optional || text !== '')) onCommit(text);
  }
  return (
    <>
      <input
        className="ui-input"
        aria-label={label}
        value={typed ?? value}
        placeholder={placeholder}
        maxLength={200}
        disabled={disabled}
        autoComplete="off"
        spellCheck={false}
        list={suggestions === undefined ? undefined : id}
        onChange={(event) => setTyped(event.target.value)}
        onBlur={commit}
        onKeyDown={(event) => {
          if (event.nativeEvent.isComposing) return;
          if (event.key === 'Enter') commit();
          if (event.key === 'Escape') setTyped(null);
        }}
      />
      {suggestions !== undefined && (
        <datalist id={id}>
          {suggestions.map((suggestion) => (
            <option key={suggestion} value={suggestion} />
          ))}
        </datalist>
      )}
    </>
  );
}

/** Something selectable that is named by its colour and text. */
export function Chip({ color, children, onClick }: { color: string; children: ReactNode; onClick: () => void }) {
  return (
    <button type="button" className="inspector-chip" onClick={onClick}>
      <i style={{ background: color }} />
      <span>{children}</span>
    </button>
  );
}

/** The time, every half minute: for texts that say how long ago. */
export function useNow(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 30_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
