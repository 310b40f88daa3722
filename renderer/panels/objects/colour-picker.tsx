import { useEffect, useId, useRef, useState } from 'react';
import { OBJECT_PALETTE } from '../../../contract/index.ts';

interface ColourPickerProps {
  /** `#rrggbb`; several, where things of different colours are meant. */
  color: string | readonly string[];
  /** What has this colour, for screen readers. */
  of: string;
  onPick: (color: string) => void;
  disabled?: boolean;
  /** -1 where another element leads the keyboard here. */
  tabIndex?: number;
}

const COLUMNS = 5;

/** The first three of several colours side by side. */
function stripes(colors: readonly string[]): string {
  const shown = [...new Set(colors)].slice(0, 3);
  const stops = shown.map((one, i) => `${one} ${(100 * i) / shown.length}% ${(100 * (i + 1)) / shown.length}%`);
  return `linear-gradient(to right, ${stops.join(', ')})`;
}

/** A swatch that opens the palette. Its colours stay apart for colour-blind eyes, so there are no others to choose. */
export function ColourPicker({ color, of, onPick, disabled = false, tabIndex = 0 }: ColourPickerProps) {
  const [open, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const palette = useRef<HTMLDivElement>(null);
  const id = useId();

  useEffect(() => {
    const element = palette.current;
    const anchor = button.current?.getBoundingClientRect();
    if (!open || element === null || anchor === undefined) return;
    element.showPopover();
    const box = element.getBoundingClientRect();
    element.style.left = `${Math.max(8, Math.min(window.innerWidth - box.width - 8, anchor.left - 6))}px`;
    const below = anchor.bottom + 4 + box.height <= window.innerHeight - 8;
    element.style.top = `${below ? anchor.bottom + 4 : Math.max(8, anchor.top - box.height - 4)}px`;
    const current = element.querySelector<HTMLElement>('[aria-checked="true"]') ?? element.querySelector('button');
    current?.focus({ preventScroll: true });
    // The row under the palette may scroll away.
    const close = (event: Event) => {
      if (!(event.target instanceof Node) || !element.contains(event.target)) setOpen(false);
    };
    window.addEventListener('scroll', close, true);
    return () => window.removeEventListener('scroll', close, true);
  }, [open]);

  function move(event: React.KeyboardEvent<HTMLDivElement>) {
    event.stopPropagation();
    const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: COLUMNS, ArrowUp: -COLUMNS }[event.key];
    if (event.key === 'Escape') {
      event.preventDefault();
      setOpen(false);
      button.current?.focus();
    }
    if (by === undefined) return;
    event.preventDefault();
    const swatches = [...event.currentTarget.querySelectorAll<HTMLElement>('button')];
    const at = swatches.indexOf(document.activeElement as HTMLElement);
    swatches[(at + by + swatches.length) % swatches.length]?.focus();
  }

  return (
    <>
      <button
        ref={button}
        type="button"
        className="objects-swatch"
        style={{ background: typeof color === 'string' ? color : stripes(color) }}
        aria-label={`Colour of ${of}`}
        aria-haspopup="true"
        aria-expanded={open}
        disabled={disabled}
        tabIndex={tabIndex}
        onClick={(event) => {
          event.stopPropagation();
          setOpen(!open);
        }}
        onDoubleClick={(event) => event.stopPropagation()}
      />
      {open && (
        <div
          ref={palette}
          id={id}
          popover="manual"
          role="radiogroup"
          aria-label={`Colour of ${of}`}
          className="objects-palette"
          onKeyDown={move}
          onBlur={(event) => {
            const next = event.relatedTarget;
            if (next === button.current) return;
            if (!(next instanceof Node) || !event.currentTarget.contains(next)) setOpen(false);
          }}
        >
          {OBJECT_PALETTE.map((choice, index) => (
            // biome-ignore lint/a11y/useSemanticElements: a radio input cannot look like a swatch without losing its focus ring
            <button
              key={choice}
              type="button"
              role="radio"
              aria-checked={choice === color}
              aria-label={`Colour ${index + 1}`}
              tabIndex={choice === color || (index === 0 && !OBJECT_PALETTE.some((one) => one === color)) ? 0 : -1}
              style={{ background: choice }}
              onClick={(event) => {
                event.stopPropagation();
                setOpen(false);
                button.current?.focus({ preventScroll: true });
                if (choice !== color) onPick(choice);
              }}
              onDoubleClick={(event) => event.stopPropagation()}
            />
          ))}
        </div>
      )}
    </>
  );
}
