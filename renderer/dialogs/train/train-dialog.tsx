import { useRef, useState } from 'react';
import { type BackendChoice, defaultTrainingParameters } from '../../../contract/index.ts';
import { useSession, useStudio } from '../../state/index.ts';
import { Button, Dialog, Field, formatCount, formatShort, Note, plural, Select } from '../../ui/index.ts';
import {
  advancedParameters,
  type ParameterName,
  type ParameterTexts,
  parseTexts,
  presetOf,
  presets,
} from './parameters.ts';

const defaults = defaultTrainingParameters();

const BACKENDS: readonly { value: BackendChoice; label: string }[] = [
  { value: 'auto', label: 'Automatic' },
  { value: 'wasm', label: 'CPU (wasm)' },
  { value: 'webgpu', label: 'GPU (WebGPU)' },
];

interface PresetsProps {
  chosen: string | null;
  onChoose: (texts: ParameterTexts) => void;
}

/** A radio group of cards: one stop for Tab, arrows move and choose. */
function Presets({ chosen, onChoose }: PresetsProps) {
  const group = useRef<HTMLDivElement>(null);
  const at = presets.findIndex(({ id }) => id === chosen);

  function choose(index: number) {
    const preset = presets[(index + presets.length) % presets.length];
    if (preset === undefined) return;
    const { iterations, maxGaussians } = preset.parameters;
    onChoose({ iterations: String(iterations), maxGaussians: String(maxGaussians) });
  }

  function move(event: React.KeyboardEvent) {
    const by = ['ArrowRight', 'ArrowDown'].includes(event.key)
      ? 1
      : ['ArrowLeft', 'ArrowUp'].includes(event.key)
        ? -1
        : 0;
    if (by === 0) return;
    event.preventDefault();
    const next = (Math.max(0, at) + by + presets.length) % presets.length;
    choose(next);
    group.current?.querySelectorAll('button')[next]?.focus();
  }

  return (
    <div ref={group} className="presets" role="radiogroup" aria-label="Preset" onKeyDown={move}>
      {presets.map(({ id, title, note, parameters: given }, index) => (
        // biome-ignore lint/a11y/useSemanticElements: a card with three lines is no radio input
        <button
          key={id}
          type="button"
          role="radio"
          aria-checked={index === at}
          tabIndex={index === Math.max(0, at) ? 0 : -1}
          className="preset"
          onClick={() => choose(index)}
        >
          <strong>{title}</strong>
          <span>
            {formatCount(given.iterations ?? 0)} iterations
            <br />
            {formatShort(given.maxGaussians ?? 0)} Gaussians
          </span>
          <span>{note}</span>
        </button>
      ))}
    </div>
  );
}

export function TrainDialog() {
  const studio = useStudio();
  const capture = useSession((state) =>
    state.project?.captures.find(({ id }) => id === state.project?.currentCaptureId),
  );
  const backendName = useSession((state) => state.app?.backend.name ?? '');
  const [texts, setTexts] = useState<ParameterTexts>({
    iterations: String(defaults.iterations),
    maxGaussians: String(defaults.maxGaussians),
    seed: String(defaults.seed),
  });
  const [backend, setBackend] = useState<BackendChoice>('auto');
  const [busy, setBusy] = useState(false);
  const { parameters, problems } = parseTexts(texts);
  const preset = presetOf(texts);
  const wrong = Object.keys(problems).length > 0;

  const set = (name: ParameterName) => (event: React.ChangeEvent<HTMLInputElement>) =>
    setTexts((before) => ({ ...before, [name]: event.target.value }));

  async function start() {
    if (capture === undefined || wrong) return;
    setBusy(true);
    const started = await studio.attempt(() =>
      studio.transport.call('jobs.start', {
        spec: { kind: 'train-splats', captureId: capture.id, parameters, backend },
      }),
    );
    setBusy(false);
    if (started === undefined) return;
    studio.closeDialog();
    studio.showPanel('jobs');
  }

  return (
    <Dialog
      title={capture === undefined ? 'Train splats' : `Train splats of ${capture.name}`}
      onClose={() => studio.closeDialog()}
      width={600}
      footer={
        <>
          <Button onClick={() => studio.closeDialog()}>Cancel</Button>
          <Button
            variant="primary"
            icon="train"
            disabled={busy || wrong || capture === undefined}
            onClick={() => void start()}
          >
            Train
          </Button>
        </>
      }
    >
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void start();
        }}
      >
        <Presets chosen={preset} onChoose={(given) => setTexts((before) => ({ ...before, ...given }))} />
        <div className="form-grid">
          <Field
            label="Iterations"
            inputMode="numeric"
            value={texts.iterations ?? ''}
            onChange={set('iterations')}
            problem={problems.iterations}
          />
          <Field
            label="Gaussians at most"
            inputMode="numeric"
            value={texts.maxGaussians ?? ''}
            onChange={set('maxGaussians')}
            problem={problems.maxGaussians}
          />
          <Field
            label="Seed"
            inputMode="numeric"
            value={texts.seed ?? ''}
            onChange={set('seed')}
            problem={problems.seed}
            note="Equal seeds give equal models on the CPU."
          />
          <Select
            label="Compute on"
            value={backend}
            options={BACKENDS}
            onChange={setBackend}
            note={`Automatic now: ${backendName}`}
          />
        </div>
        {capture !== undefined && capture.points === 0 && (
          <Note>This capture has no sparse points: training starts from random ones inside the cameras' reach.</Note>
        )}
        {capture !== undefined && capture.holdoutFrames === 0 && (
          <Note tone="warn">
            No frame is held out, so quality cannot be measured on frames that training has not seen.
          </Note>
        )}
        {capture !== undefined && capture.missingCount > 0 && (
          <Note tone="bad">{plural(capture.missingCount, 'photo')} cannot be found. Use Find moved photos first.</Note>
        )}
        <details className="advanced">
          <summary>Advanced: {advancedParameters.length} parameters of the trainer</summary>
          <div className="form-grid">
            {advancedParameters.map(({ name, title, description }) => (
              <Field
                key={name}
                label={title}
                inputMode="decimal"
                value={texts[name] ?? ''}
                placeholder={String(defaults[name])}
                onChange={set(name)}
                problem={problems[name]}
                note={description}
              />
            ))}
          </div>
        </details>
        <button type="submit" hidden />
      </form>
    </Dialog>
  );
}
