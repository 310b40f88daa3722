import { useState } from 'react';
import type { LanguageRecipe } from '../../contract/index.ts';
import { useSession, useStudio } from '../state/index.ts';
import { Button, Checkbox, Dialog, ErrorState, LoadingState, Note, plural, Select } from '../ui/index.ts';
import { Cards } from './cards.tsx';
import { useMaskSets } from './mask-sets.ts';
import { useTextModels } from './text-models.ts';

const RECIPES: readonly {
  readonly value: LanguageRecipe;
  readonly title: string;
  readonly note: string;
  readonly fact: string;
}[] = [
  {
    value: 'n2f2',
    title: 'Careful',
    note: 'One field whose first dimensions know wholes and whose last ones know parts. Answers at all scales at once, or at the one you choose.',
    fact: 'Minutes · nested field (N2F2)',
  },
  {
    value: 'language-closed-form',
    title: 'Quick look',
    note: 'Every splat takes the middle of what the segments that cover it say. Nothing is trained, and there is one scale.',
    fact: 'Seconds to a minute · closed form',
  },
  {
    value: 'langsplat',
    title: 'Three scales',
    note: 'Small, middle and large segments by themselves, each squeezed through an autoencoder. To compare with.',
    fact: 'Minutes · LangSplat-style',
  },
  {
    value: 'lerf',
    title: 'Thirty scales',
    note: 'One field that is asked with a scale. Slow to ask, coarse at the edges. To compare with.',
    fact: 'Minutes · LERF-style',
  },
];

/** Which text model, which segments, and how: a field that words can be compared with. */
export function TrainLanguageDialog() {
  const studio = useStudio();
  const splatsId = useSession((state) => state.project?.currentSplatsId ?? null);
  const sets = useMaskSets();
  const models = useTextModels();
  const [recipe, setRecipe] = useState<LanguageRecipe>('n2f2');
  const [model, setModel] = useState<string | null>(null);
  const [chosen, setChosen] = useState<readonly string[] | null>(null);
  const [busy, setBusy] = useState(false);

  const given = sets.status === 'ready' ? sets.value : [];
  const segments = chosen ?? [];
  const usable = models.status === 'ready' ? models.value : [];
  const name = usable.find((one) => one === model) ?? usable[0];

  async function start() {
    if (splatsId === null || name === undefined) return;
    setBusy(true);
    const spec = { kind: 'train-language', splatsId, recipe, model: name } as const;
    const started = await studio.attempt(() =>
      studio.transport.call('jobs.start', {
        spec: segments.length === 0 ? spec : { ...spec, segments: [...segments] },
      }),
    );
    setBusy(false);
    if (started === undefined) return;
    studio.closeDialog();
    studio.showPanel('jobs');
  }

  return (
    <Dialog
      title="Train language field"
      onClose={() => studio.closeDialog()}
      width={620}
      footer={
        <>
          <Button onClick={() => studio.closeDialog()}>Cancel</Button>
          <Button
            variant="primary"
            icon="train"
            disabled={busy || splatsId === null || name === undefined || sets.status !== 'ready'}
            onClick={() => void start()}
          >
            Train
          </Button>
        </>
      }
    >
      {models.status === 'error' ? (
        <ErrorState failure={models.failure} />
      ) : sets.status === 'error' ? (
        <ErrorState failure={sets.failure} />
      ) : models.status !== 'ready' || sets.status !== 'ready' ? (
        <LoadingState label="Looking for text models and masks" />
      ) : (
        <div className="stack">
          <Cards label="Method" value={recipe} options={RECIPES} onChange={setRecipe} />
          {name === undefined ? (
            <Note tone="warn">
              There is no text model on this machine. It would turn words and pieces of photos into comparable vectors.
              Put one in the common CLIP layout into the folder of models (`models add` of the command line does it).
            </Note>
          ) : (
            <Select
              label="Text model"
              value={name}
              options={usable.map((one) => ({ value: one, label: one }))}
              onChange={setModel}
              note="Words are understood as far as this model understands them. A field can only be asked with the model it was made with."
            />
          )}
          {given.length > 0 && (
            <fieldset className="train-language-sets">
              <legend>Segments</legend>
              {given.map(({ name: set, frames, source }) => (
                <Checkbox
                  key={set}
                  label={`${set}: ${plural(frames, 'frame')}, from ${source}`}
                  checked={segments.includes(set)}
                  onChange={(checked) =>
                    setChosen(checked ? [...segments, set] : segments.filter((one) => one !== set))
                  }
                />
              ))}
            </fieldset>
          )}
          <Note>
            {segments.length === 0
              ? given.length === 0
                ? 'There are no masks yet: the photos are segmented first.'
                : 'None chosen: all that did not come out of a lift; of a generated scene its own parts, objects and groups.'
              : 'Parts, objects and groups together make words of every size work.'}
          </Note>
        </div>
      )}
    </Dialog>
  );
}
