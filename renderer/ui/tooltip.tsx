import { type ReactNode, useEffect, useState } from 'react';
import { createStore, useStore } from 'zustand';
import { Kbd } from './feedback.tsx';

interface Tip {
  text: string;
  keys: string | undefined;
  anchor: Element;
}

/** One tooltip for the window: the newest wins. */
const tips = createStore<{ tip: Tip | null }>(() => ({ tip: null }));

const DELAY_MS = 450;

/** Event handlers that show a tooltip over the element they are spread on. Its accessible name is the element's own affair. */
export function useTooltip(text: string, keys?: string) {
  const [timer, setTimer] = useState<ReturnType<typeof setTimeout> | null>(null);
  const hide = () => {
    if (timer !== null) clearTimeout(timer);
    tips.setState({ tip: null });
  };
  return {
    onPointerEnter(event: React.PointerEvent) {
      const anchor = event.currentTarget;
      setTimer(setTimeout(() => tips.setState({ tip: { text, keys, anchor } }), DELAY_MS));
    },
    onPointerLeave: hide,
    onPointerDown: hide,
    onFocus(event: React.FocusEvent) {
      if (event.currentTarget.matches(':focus-visible'))
        tips.setState({ tip: { text, keys, anchor: event.currentTarget } });
    },
    onBlur: hide,
  };
}

/** Shows the tooltip in the top layer, over dialogs too. Mounted once. */
export function TooltipLayer(): ReactNode {
  const tip = useStore(tips, (state) => state.tip);
  const [element, setElement] = useState<HTMLDivElement | null>(null);
  useEffect(() => {
    if (tip === null || element === null) return;
    element.showPopover();
    const anchor = tip.anchor.getBoundingClientRect();
    const box = element.getBoundingClientRect();
    const below = anchor.bottom + 6 + box.height < window.innerHeight;
    const left = Math.max(
      8,
      Math.min(window.innerWidth - box.width - 8, anchor.left + anchor.width / 2 - box.width / 2),
    );
    element.style.left = `${left}px`;
    element.style.top = `${below ? anchor.bottom + 6 : anchor.top - box.height - 6}px`;
    const gone = setInterval(() => {
      if (!tip.anchor.isConnected) tips.setState({ tip: null });
    }, 300);
    return () => clearInterval(gone);
  }, [tip, element]);
  if (tip === null) return null;
  return (
    <div ref={setElement} popover="manual" role="tooltip" className="ui-tooltip">
      {tip.text}
      {tip.keys !== undefined && <Kbd keys={tip.keys} />}
    </div>
  );
}
