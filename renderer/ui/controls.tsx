import { type ButtonHTMLAttributes, type InputHTMLAttributes, type ReactNode, useId } from 'react';
import { Icon, type IconName } from './icons.tsx';
import { useTooltip } from './tooltip.tsx';

export type ButtonVariant = 'default' | 'primary' | 'quiet' | 'danger';
type NativeButton = Omit<ButtonHTMLAttributes<HTMLButtonElement>, 'type' | 'aria-pressed'>;

interface ButtonProps extends NativeButton {
  variant?: ButtonVariant;
  size?: 'normal' | 'small';
  icon?: IconName;
  /** Makes it a toggle. */
  pressed?: boolean;
  children: ReactNode;
}

export function Button({ variant = 'default', size = 'normal', icon, pressed, children, ...rest }: ButtonProps) {
  return (
    <button
      {...rest}
      type="button"
      className={`ui-button ${rest.className ?? ''}`}
      data-variant={variant}
      data-size={size}
      {...(pressed === undefined ? {} : { 'aria-pressed': pressed })}
    >
      {icon !== undefined && <Icon name={icon} />}
      {children}
    </button>
  );
}

interface IconButtonProps extends NativeButton {
  icon: IconName;
  /** Name for screen readers and text of the tooltip. */
  label: string;
  /** Shortcut as shown, `Ctrl+Z`. */
  keys?: string;
  pressed?: boolean;
  size?: 'normal' | 'small';
  variant?: ButtonVariant;
}

export function IconButton({
  icon,
  label,
  keys,
  pressed,
  size = 'normal',
  variant = 'quiet',
  ...rest
}: IconButtonProps) {
  const tooltip = useTooltip(label, keys);
  return (
    <button
      {...tooltip}
      {...rest}
      type="button"
      className={`ui-button ${rest.className ?? ''}`}
      data-variant={variant}
      data-size={size}
      data-icon-only=""
      aria-label={label}
      {...(pressed === undefined ? {} : { 'aria-pressed': pressed })}
    >
      <Icon name={icon} />
    </button>
  );
}

interface FieldProps extends Omit<InputHTMLAttributes<HTMLInputElement>, 'id' | 'aria-invalid' | 'aria-describedby'> {
  label: string;
  note?: ReactNode;
  /** What is wrong with the value; replaces the note. */
  problem?: string | undefined;
  /** The label is for screen readers alone. */
  hideLabel?: boolean;
}

export function Field({ label, note, problem, hideLabel = false, className, ...input }: FieldProps) {
  const id = useId();
  const text = problem ?? note;
  return (
    <div className={`ui-field ${className ?? ''}`}>
      <label htmlFor={id} className={hideLabel ? 'visually-hidden' : undefined}>
        {label}
      </label>
      <input
        autoComplete="off"
        spellCheck={false}
        {...input}
        id={id}
        className="ui-input"
        aria-invalid={problem !== undefined}
        aria-describedby={text === undefined ? undefined : `${id}-note`}
      />
      {text !== undefined && (
        <span id={`${id}-note`} className="ui-field-note" {...(problem === undefined ? {} : { 'data-bad': '' })}>
          {text}
        </span>
      )}
    </div>
  );
}

interface Option<T extends string> {
  readonly value: T;
  readonly label: string;
  readonly disabled?: boolean;
  /** Why it is disabled, or what it does: the tooltip. */
  readonly hint?: string;
}

interface ChoiceProps<T extends string> {
  label: string;
  value: T;
  options: readonly Option<T>[];
  onChange: (value: T) => void;
  hideLabel?: boolean;
  note?: ReactNode;
  disabled?: boolean;
}

export function Select<T extends string>({
  label,
  value,
  options,
  onChange,
  hideLabel,
  note,
  disabled,
}: ChoiceProps<T>) {
  const id = useId();
  return (
    <div className="ui-field">
      <label htmlFor={id} className={hideLabel === true ? 'visually-hidden' : undefined}>
        {label}
      </label>
      <select
        id={id}
        className="ui-input"
        value={value}
        disabled={disabled}
        onChange={(event) => onChange(event.target.value as T)}
        aria-describedby={note === undefined ? undefined : `${id}-note`}
      >
        {options.map((option) => (
          <option key={option.value} value={option.value} disabled={option.disabled}>
            {option.label}
          </option>
        ))}
      </select>
      {note !== undefined && (
        <span id={`${id}-note`} className="ui-field-note">
          {note}
        </span>
      )}
    </div>
  );
}

/** A few exclusive choices side by side. Arrow keys move within. */
export function Segments<T extends string>({ label, value, options, onChange, disabled }: ChoiceProps<T>) {
  function move(event: React.KeyboardEvent<HTMLDivElement>) {
    const by =
      event.key === 'ArrowRight' || event.key === 'ArrowDown'
        ? 1
        : event.key === 'ArrowLeft' || event.key === 'ArrowUp'
          ? -1
          : 0;
    if (by === 0) return;
    event.preventDefault();
    const choices = options.filter((option) => option.disabled !== true);
    const index = choices.findIndex((option) => option.value === value);
    const next = choices[(index + by + choices.length) % choices.length];
    if (next === undefined) return;
    onChange(next.value);
    event.currentTarget.querySelector<HTMLElement>(`[data-value="${next.value}"]`)?.focus();
  }
  return (
    <div role="radiogroup" aria-label={label} className="ui-segments" onKeyDown={move}>
      {options.map((option) => (
        // biome-ignore lint/a11y/useSemanticElements: a radio input cannot look like a segment without losing its focus ring
        <button
          key={option.value}
          type="button"
          role="radio"
          data-value={option.value}
          aria-checked={option.value === value}
          tabIndex={option.value === value ? 0 : -1}
          disabled={disabled === true || option.disabled === true}
          title={option.hint}
          onClick={() => onChange(option.value)}
        >
          {option.label}
        </button>
      ))}
    </div>
  );
}

interface TabsProps<T extends string> {
  label: string;
  value: T;
  options: readonly Option<T>[];
  onChange: (value: T) => void;
  /** The panels have ids `IDPREFIX-VALUE`. */
  idPrefix: string;
}

export function Tabs<T extends string>({ label, value, options, onChange, idPrefix }: TabsProps<T>) {
  function move(event: React.KeyboardEvent<HTMLDivElement>) {
    const by = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (by === 0) return;
    event.preventDefault();
    const index = options.findIndex((option) => option.value === value);
    const next = options[(index + by + options.length) % options.length];
    if (next === undefined) return;
    onChange(next.value);
    event.currentTarget.querySelector<HTMLElement>(`[data-value="${next.value}"]`)?.focus();
  }
  return (
    <div role="tablist" aria-label={label} className="ui-tabs" onKeyDown={move}>
      {options.map((option) => (
        <button
          key={option.value}
          type="button"
          role="tab"
          data-value={option.value}
          id={`${idPrefix}-${option.value}-tab`}
          aria-controls={`${idPrefix}-${option.value}`}
          aria-selected={option.value === value}
          tabIndex={option.value === value ? 0 : -1}
          onClick={() => onChange(option.value)}
        >
          {option.label}
        </button>
      ))}
    </div>
  );
}

interface SliderProps {
  label: string;
  value: number;
  min?: number;
  max?: number;
  step?: number;
  onChange: (value: number) => void;
  /** As read out and shown at the right. */
  format?: (value: number) => string;
  hideLabel?: boolean;
  hideValue?: boolean;
  disabled?: boolean;
}

export function Slider({
  label,
  value,
  min = 0,
  max = 1,
  step = 0.01,
  onChange,
  format = (v) => `${Math.round(v * 100)} %`,
  hideLabel = false,
  hideValue = false,
  disabled = false,
}: SliderProps) {
  const id = useId();
  return (
    <div className="ui-slider-row">
      <label htmlFor={id} className={hideLabel ? 'visually-hidden' : 'ui-label'}>
        {label}
      </label>
      <input
        id={id}
        type="range"
        className="ui-slider"
        style={{ '--fraction': (value - min) / (max - min || 1) } as React.CSSProperties}
        min={min}
        max={max}
        step={step}
        value={value}
        disabled={disabled}
        aria-valuetext={format(value)}
        onChange={(event) => onChange(event.target.valueAsNumber)}
      />
      {!hideValue && <output htmlFor={id}>{format(value)}</output>}
    </div>
  );
}

interface CheckboxProps {
  label: ReactNode;
  checked: boolean;
  onChange: (checked: boolean) => void;
  disabled?: boolean;
}

export function Checkbox({ label, checked, onChange, disabled = false }: CheckboxProps) {
  return (
    <label className="ui-check">
      <input
        type="checkbox"
        checked={checked}
        disabled={disabled}
        onChange={(event) => onChange(event.target.checked)}
      />
      <span>{label}</span>
    </label>
  );
}
