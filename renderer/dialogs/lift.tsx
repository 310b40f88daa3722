import { useState } from 'react';
import type { LiftingRecipe } from '../../contract/index.ts';
import { useSession, useStudio } from '../state/index.ts';
import { Button, Dialog, ErrorState, LoadingState, Note, plural, Select } from '../ui/index.ts';
import { Cards } from './cards.tsx';
import { useMaskSets } from './mask-sets.ts';

type Recipe = Extract<LiftingRecipe, 'closed-form' | 'contrastive-lift' | 'gaussian-clustering' | 'linear-assignment'>;

/** The recipes that a person chooses between; the ablations of the papers are the command line's. */
const RECIPES: readonly {
  readonly value: Recipe;
  readonly title: string;
  readonly note: string;
  readonly fact: string;
}[] = [
  {
    value: 'closed-form',
    title: 'Quick look',
    note: 'Joins masks that cover the same splats and lets them vote. Nothing is trained. Good for a first look and clean masks.',
    fact: 'Seconds to a minute · closed form',
  },
  {
    value: 'contrastive-lift',
    title: 'Careful',
    note: 'Trains an embedding of every Gaussian and clusters it. Copes with masks that disagree, and finds the number of objects by itself.',
    fact: 'A minute or more · Contrastive Lift',
  },
  {
    value: 'gaussian-clustering',
    title: 'Made for clicking',
    note: 'Trains directions that say how alike two places are. Clicks find parts as well as wholes.',
    fact: 'A minute or more · Gaussian clustering',
  },
  {
    value: 'linear-assignment',
    title: 'To compare with',
    note: 'A fixed number of objects, matched to the masks of each frame. Slower and weaker with many objects.',
    fact: 'Minutes · Panoptic Lifting',
  },
];

/** Stands for no set: the host segments first. */
const SEGMENT_FIRST = '';

/** Instance masks in, objects in 3D out: which masks, and how. */
export function LiftDialog() {
  const studio = useStudio();
  const splatsId = useSession((state) => state.project?.currentSplatsId ?? null);
  const frames = useSession(
    ({ project }) => project?.captures.find(({ id }) => id === project.currentCaptureId)?.frames ?? 0,
  );
  const sets = useMaskSets();
  const [chosen, setChosen] = useState<string | null>(null);
  const [recipe, setRecipe] = useState<Recipe>('closed-form');
  const [busy, setBusy] = useState(false);

  const given = sets.status === 'ready' ? sets.value.filter(({ provenance }) => provenance !== 'lifted') : [];
  const set = given.find(({ name }) => name === chosen) ?? given.at(-1);
  const lifted = sets.status === 'ready' && sets.value.length > given.length;

  async function start() {
    if (splatsId === null) return;
    setBusy(true);
    const spec = { kind: 'lift-objects', splatsId, recipe } as const;
    const started = await studio.attempt(() =>
      studio.transport.call('jobs.start', { spec: set === undefined ? spec : { ...spec, masks: set.name } }),
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
      width={600}
      footer={
        <>
          <Button
            variant="quiet"
            icon="layers"
            onClick={() => {
              studio.closeDialog();
              studio.openDialog({ kind: 'segment' });
            }}
          >
            Segment frames…
          </Button>
          <span className="ui-toolbar-gap" />
          <Button onClick={() => studio.closeDialog()}>Cancel</Button>
          <Button
            variant="primary"
            icon="lift"
            disabled={busy || sets.status !== 'ready' || splatsId === null}
            onClick={() => void start()}
          >
            {sets.status === 'ready' && set === undefined ? 'Segment and lift' : 'Lift'}
          </Button>
        </>
      }
    >
      {sets.status === 'error' ? (
        <ErrorState failure={sets.failure} />
      ) : sets.status !== 'ready' ? (
        <LoadingState label="Looking for masks" />
      ) : (
        <div className="stack">
          <Select
            label="Masks"
            value={set?.name ?? SEGMENT_FIRST}
            options={
              given.length === 0
                ? [{ value: SEGMENT_FIRST, label: 'None yet: segment the photos first, built in' }]
                : given.map(({ name, frames: count, source }) => ({
                    value: name,
                    label: `${name}: ${plural(count, 'frame')}, from ${source}`,
                  }))
            }
            onChange={setChosen}
            note={
              set === undefined
                ? `${plural(frames, 'photo')}, about a second each, then the lift.`
                : set.consistentIds
                  ? 'One id means one object in all frames already.'
                  : 'Ids may differ from frame to frame: lifting makes them agree.'
            }
          />
          <Cards label="Method" value={recipe} options={RECIPES} onChange={setRecipe} />
          {set !== undefined && set.frames < frames && (
            <Note>
              Masks are there for {set.frames} of {plural(frames, 'frame')}. The others get theirs from the lift.
            </Note>
          )}
          {lifted && (
            <Note>
              Objects that this lift finds again keep their numbers. What you named, coloured, classified, locked or
              made yourself stays.
            </Note>
          )}
        </div>
      )}
    </Dialog>
  );
}
