import { type CSSProperties, type ReactNode, useEffect, useId, useRef } from 'react';
import { IconButton } from './controls.tsx';

interface DialogProps {
  title: string;
  onClose: () => void;
  /** Pixels; it never exceeds the window. */
  width?: number;
  children: ReactNode;
  footer?: ReactNode;
  /** No header bar and no padding: the palette. The title stays its accessible name. */
  bare?: boolean;
}

/**
 * A modal dialog on the native element: the browser makes the rest of the page inert, keeps the focus inside and gives it back
 * to where it was. Escape and the close button close it.
 */
export function Dialog({ title, onClose, width = 480, children, footer, bare = false }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = element.current;
    const before = document.activeElement;
    dialog?.showModal();
    // Not the close button, which is merely the first that could have the focus.
    (dialog?.querySelector<HTMLElement>('[data-autofocus]') ?? dialog)?.focus({ preventScroll: true });
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
    };
  }, []);
  return (
    <dialog
      ref={element}
      className="ui-dialog"
      tabIndex={-1}
      style={{ '--dialog-width': `${width}px` } as CSSProperties}
      aria-labelledby={id}
      onCancel={(event) => {
        // The state that opened it closes it; otherwise React would believe in an open dialog that is not.
        event.preventDefault();
        onClose();
      }}
    >
      {bare ? (
        <h2 id={id} className="visually-hidden">
          {title}
        </h2>
      ) : (
        <header>
          <h2 id={id}>{title}</h2>
          <IconButton icon="close" label="Close" onClick={onClose} />
        </header>
      )}
      {bare ? children : <div className="ui-dialog-body">{children}</div>}
      {footer !== undefined && <footer>{footer}</footer>}
    </dialog>
  );
}
