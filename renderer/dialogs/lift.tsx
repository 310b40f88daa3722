import { useEffect, useState } from 'react';
import type { LiftingRecipe, MaskSetSummary } from '../../contract/index.ts';
import { failureOf, type Loadable, useSession, useStudio } from '../state/index.ts';
import { Button, Dialog, EmptyState, ErrorState, LoadingState, Note, plural, Select } from '../ui/index.ts';

/** The recipes that a person chooses between; the ablations of the papers are the command line's. */
const RECIPES: readonly { readonly value: LiftingRecipe; readonly label: string; readonly note: string }[] = [
  {
    value: 'contrastive-lift',
    label: 'Contrastive Lift',
    note: 'Trains an embedding of every Gaussian and clusters it. Ids of the masks need not agree between frames.',
  },
  {
    value: 'gaussian-clustering',
    label: 'Gaussian clustering',
    note: 'Clusters the Gaussians themselves; faster, coarser.',
  },
  {
    value: 'linear-assignment',
    label: 'Linear assignment',
    note: 'A fixed number of objects, matched to the masks of every frame (Panoptic Lifting).',
  },
  {
    value: 'closed-form',
    label: 'Closed form',
    note: 'One pass without training. Needs ids that mean the same thing in every frame.',
  },
];

/** Instance masks in, objects in 3D out: which masks, and how. */
export function LiftDialog() {
  const studio = useStudio();
  const captureId = useSession((state) => state.project?.currentCaptureId ?? null);
  const splatsId = useSession((state) => state.project?.currentSplatsId ?? null);
  const [sets, setSets] = useState<Loadable<readonly MaskSetSummary[]>>({ status: 'loading' });
  const [chosen, setChosen] = useState<string | null>(null);
  const [recipe, setRecipe] = useState<LiftingRecipe>('contrastive-lift');
  const [busy, setBusy] = useState(false);

  useEffect(() => {
    if (captureId === null) return;
    const controller = new AbortController();
    studio.transport
      .call('masks.list', { captureId }, { signal: controller.signal })
      .then(({ sets: value }) => setSets({ status: 'ready', value }))
      .catch((error) => {
        if (!controller.signal.aborted) setSets({ status: 'error', failure: failureOf(error) });
      });
    return () => controller.abort();
  }, [studio, captureId]);

  const given = sets.status === 'ready' ? sets.value.filter(({ provenance }) => provenance !== 'lifted') : [];
  const set = given.find(({ name }) => name === chosen) ?? given.at(-1);

  async function start() {
    if (splatsId === null || set === undefined) return;
    setBusy(true);
    const started = await studio.attempt(() =>
      studio.transport.call('jobs.start', { spec: { kind: 'lift-objects', splatsId, recipe, masks: set.name } }),
    );
    setBusy(false);
    if (started === undefined) return;
    studio.closeDialog();
    studio.showPanel('jobs');
  }

  return (
    <Dialog
      title="Lift objects"
      onClose={() => studio.closeDialog()}
      width={520}
      footer={
        <>
          <Button onClick={() => studio.closeDialog()}>Cancel</Button>
          <Button variant="primary" icon="lift" disabled={busy || set === undefined} onClick={() => void start()}>
            Lift
          </Button>
        </>
      }
    >
      {sets.status === 'error' ? (
        <ErrorState failure={sets.failure} />
      ) : sets.status !== 'ready' ? (
        <LoadingState label="Looking for masks" />
      ) : set === undefined ? (
        <EmptyState icon="layers" title="This capture has no instance masks">
          Lifting turns the instance masks of the frames into objects in 3D, so the capture needs masks first.
        </EmptyState>
      ) : (
        <div className="stack">
          <Select
            label="Masks"
            value={set.name}
            options={given.map(({ name, frames, source }) => ({
              value: name,
              label: `${name}: ${plural(frames, 'frame')}, from ${source}`,
            }))}
            onChange={setChosen}
          />
          <Select
            label="Method"
            value={recipe}
            options={RECIPES}
            onChange={setRecipe}
            note={RECIPES.find(({ value }) => value === recipe)?.note}
          />
          {recipe === 'closed-form' && !set.consistentIds && (
            <Note tone="warn">
              The ids of these masks differ from frame to frame, so this method will mix objects up.
            </Note>
          )}
        </div>
      )}
    </Dialog>
  );
}
