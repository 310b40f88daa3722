import type { ReactNode } from 'react';
import type { Failure } from '../../contract/index.ts';
import { Icon, type IconName } from './icons.tsx';

export type Tone = 'neutral' | 'good' | 'warn' | 'bad' | 'accent';

/** `Ctrl+Shift+Z` as separate key caps. */
export function Kbd({ keys }: { keys: string }) {
  return (
    <span className="ui-kbd">
      {keys.split(/\+(?=.)/).map((key) => (
        <kbd key={key}>{key}</kbd>
      ))}
    </span>
  );
}

interface ProgressProps {
  /** 0 to 1; null: it works, nobody knows how long. */
  value: number | null;
  /** Null where the text beside it says the same: then it is a picture and no more. */
  label: string | null;
  tone?: Tone;
}

export function Progress({ value, label, tone = 'neutral' }: ProgressProps) {
  const bar = <span style={value === null ? undefined : { transform: `scaleX(${value})` }} />;
  const look = { className: 'ui-progress', 'data-tone': tone, ...(value === null ? { 'data-unknown': '' } : {}) };
  if (label === null)
    return (
      <span {...look} aria-hidden="true">
        {bar}
      </span>
    );
  return (
    <span
      {...look}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      {...(value === null ? {} : { 'aria-valuenow': Math.round(value * 100) })}
    >
      {bar}
    </span>
  );
}

export function Spinner({ label }: { label: string }) {
  return (
    <span role="status">
      <span className="ui-spinner" style={{ display: 'block' }} />
      <span className="visually-hidden">{label}</span>
    </span>
  );
}

export function Badge({ tone = 'neutral', children }: { tone?: Tone; children: ReactNode }) {
  return (
    <span className="ui-badge" data-tone={tone}>
      {children}
    </span>
  );
}

const NOTE_ICONS: Record<Tone, IconName> = {
  neutral: 'info',
  accent: 'info',
  good: 'check',
  warn: 'warning',
  bad: 'error',
};

/** A sentence that stands out: a warning, a check that passed. */
export function Note({ tone = 'neutral', children }: { tone?: Tone; children: ReactNode }) {
  return (
    <div className="ui-note" data-tone={tone}>
      <Icon name={NOTE_ICONS[tone]} />
      <div>{children}</div>
    </div>
  );
}

interface StateProps {
  icon: IconName;
  title: string;
  /** What will be here and how to get it. */
  children?: ReactNode;
  actions?: ReactNode;
}

export function EmptyState({ icon, title, children, actions }: StateProps) {
  return (
    <div className="ui-state">
      <Icon name={icon} size={28} />
      <h3>{title}</h3>
      {children !== undefined && <p>{children}</p>}
      {actions !== undefined && <div className="ui-state-actions">{actions}</div>}
    </div>
  );
}

export function ErrorState({ failure, actions }: { failure: Failure; actions?: ReactNode }) {
  return (
    <div className="ui-state" data-tone="bad" role="alert">
      <Icon name="error" size={28} />
      <h3>{failure.message}</h3>
      {failure.hint !== undefined && <p>{failure.hint}</p>}
      {actions !== undefined && <div className="ui-state-actions">{actions}</div>}
    </div>
  );
}

export function LoadingState({ label }: { label: string }) {
  return (
    <div className="ui-state">
      <Spinner label={label} />
      <p aria-hidden="true">{label}</p>
    </div>
  );
}
