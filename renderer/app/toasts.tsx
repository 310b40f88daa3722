import { useEffect } from 'react';
import { type Toast, useInterface, useStudio } from '../state/index.ts';
import { Icon, IconButton, type IconName } from '../ui/index.ts';

const ICONS: Record<Toast['level'], IconName> = { info: 'info', success: 'check', warning: 'warning', error: 'error' };
/** Errors stay until they are closed: nobody should miss one by looking away. */
const SHOW_MS: Record<Toast['level'], number | null> = { info: 4000, success: 4000, warning: 10_000, error: null };

function ToastCard({ toast }: { toast: Toast }) {
  const studio = useStudio();
  const showMs = SHOW_MS[toast.level];
  useEffect(() => {
    if (showMs === null) return;
    const timer = setTimeout(() => studio.dismissToast(toast.id), showMs);
    return () => clearTimeout(timer);
  }, [studio, toast.id, showMs]);
  return (
    <li className="toast" data-level={toast.level}>
      <Icon name={ICONS[toast.level]} />
      <div className="selectable" role={toast.level === 'error' ? 'alert' : 'status'}>
        <p>{toast.text}</p>
        {toast.hint !== undefined && <p className="toast-hint">{toast.hint}</p>}
      </div>
      <IconButton icon="close" size="small" label="Dismiss" onClick={() => studio.dismissToast(toast.id)} />
    </li>
  );
}

export function Toasts() {
  const toasts = useInterface((state) => state.toasts);
  return (
    <ol className="toasts" aria-label="Messages">
      {toasts.map((toast) => (
        <ToastCard key={toast.id} toast={toast} />
      ))}
    </ol>
  );
}
