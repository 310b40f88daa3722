import { useRef } from 'react';

interface CardsProps<T extends string> {
  label: string;
  value: T;
  options: readonly {
    readonly value: T;
    readonly title: string;
    /** What it is good for. */
    readonly note: string;
    /** One line under it: a time, a condition. */
    readonly fact?: string;
  }[];
  onChange: (value: T) => void;
}

/** A radio group of cards: one stop for Tab, arrows move and choose. */
export function Cards<T extends string>({ label, value, options, onChange }: CardsProps<T>) {
  const group = useRef<HTMLDivElement>(null);
  function move(event: React.KeyboardEvent) {
    const forward = event.key === 'ArrowRight' || event.key === 'ArrowDown';
    if (!forward && event.key !== 'ArrowLeft' && event.key !== 'ArrowUp') return;
    event.preventDefault();
    const at = options.findIndex((option) => option.value === value);
    const next = (at + (forward ? 1 : -1) + options.length) % options.length;
    const option = options[next];
    if (option === undefined) return;
    onChange(option.value);
    group.current?.querySelectorAll('button')[next]?.focus();
  }
  return (
    <div ref={group} className="cards" role="radiogroup" aria-label={label} onKeyDown={move}>
      {options.map((option) => (
        // biome-ignore lint/a11y/useSemanticElements: a card with three lines is no radio input
        <button
          key={option.value}
          type="button"
          role="radio"
          aria-checked={option.value === value}
          tabIndex={option.value === value ? 0 : -1}
          className="preset"
          onClick={() => onChange(option.value)}
        >
          <strong>{option.title}</strong>
          <span>{option.note}</span>
          {option.fact !== undefined && <span className="cards-fact">{option.fact}</span>}
        </button>
      ))}
    </div>
  );
}
