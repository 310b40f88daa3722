import { useState } from 'react';
import { useSession, useStudio } from '../state/index.ts';
import { Button, Dialog, ErrorState, LoadingState, Note, plural, Select } from '../ui/index.ts';
import { Cards } from './cards.tsx';
import { useMaskSets } from './mask-sets.ts';

const RECIPES = [
  {
    value: 'spatial',
    title: 'In 3D',
    note: 'Place, looks, class and initial id together. An object that comes back where it was is the same one.',
    fact: 'Tuned for metres',
  },
  {
    value: 'spatial-published',
    title: 'In 3D, as published',
    note: 'The same costs with the published weights. For scenes whose scale and features they were made for.',
    fact: 'To compare with',
  },
  {
    value: 'appearance-only',
    title: 'By looks alone',
    note: 'For videos without depth. Things that look alike are mistaken for one another.',
    fact: 'Baseline',
  },
  {
    value: 'byte-track',
    title: 'By overlap of boxes',
    note: 'Every occlusion breaks a track. What 2D trackers do.',
    fact: 'Baseline',
  },
] as const;

type Recipe = (typeof RECIPES)[number]['value'];
type Depth = 'auto' | 'splats' | 'none';

/** Stands for no set: the host takes the newest with ids that go on, or simulates a generated scene's. */
const AUTOMATIC = '';

/** 2D tracks in, objects that keep their identity out. */
export function TrackDialog() {
  const studio = useStudio();
  const captureId = useSession((state) => state.project?.currentCaptureId ?? null);
  const hasSplats = useSession((state) => (state.project?.currentSplatsId ?? null) !== null);
  const observations = useSession((state) => state.project?.observations ?? 0);
  const sets = useMaskSets();
  const [masks, setMasks] = useState(AUTOMATIC);
  const [recipe, setRecipe] = useState<Recipe>('spatial');
  const [depth, setDepth] = useState<Depth>('auto');
  const [busy, setBusy] = useState(false);

  const usable =
    sets.status === 'ready'
      ? sets.value.filter(({ consistentIds, provenance }) => consistentIds && provenance !== 'lifted')
      : [];

  async function start() {
    if (captureId === null) return;
    setBusy(true);
    const started = await studio.attempt(() =>
      studio.transport.call('jobs.start', {
        spec: {
          ...{ kind: 'track-objects', captureId, recipe },
          ...(masks !== AUTOMATIC && { masks }),
          ...(depth !== 'auto' && { depth }),
        },
      }),
    );
    setBusy(false);
    if (started === undefined) return;
    studio.closeDialog();
    studio.showPanel('jobs');
  }

  return (
    <Dialog
      title="Track objects"
      onClose={() => studio.closeDialog()}
      width={600}
      footer={
        <>
          <span className="ui-toolbar-gap" />
          <Button onClick={() => studio.closeDialog()}>Cancel</Button>
          <Button
            variant="primary"
            icon="timeline"
            disabled={busy || sets.status !== 'ready' || captureId === null}
            onClick={() => void start()}
          >
            {observations > 0 ? 'Track again' : 'Track'}
          </Button>
        </>
      }
    >
      {sets.status === 'error' ? (
        <ErrorState failure={sets.failure} />
      ) : sets.status !== 'ready' ? (
        <LoadingState label="Looking for tracks" />
      ) : (
        <div className="stack">
          <Select
            label="Segments"
            value={masks}
            options={[
              {
                value: AUTOMATIC,
                label: usable.length > 0 ? `Automatic: ${usable.at(-1)?.name}` : 'Automatic: a generated scene’s own',
              },
              ...usable.map(({ name, frames, source }) => ({
                value: name,
                label: `${name}: ${plural(frames, 'frame')}, from ${source}`,
              })),
              { value: 'simulated', label: 'Simulated tracker (generated scenes)' },
            ]}
            onChange={setMasks}
            note="Segments of a 2D tracker, whose ids go on from frame to frame: MOTS, MOT, VISOR or COCO, read on the command line."
          />
          <Cards label="Method" value={recipe} options={RECIPES} onChange={setRecipe} />
          <Select
            label="Depth"
            value={depth}
            options={[
              { value: 'auto', label: 'Automatic: what there is' },
              ...(hasSplats ? [{ value: 'splats' as const, label: 'From the trained model' }] : []),
              { value: 'none', label: 'None: looks, class and initial ids alone' },
            ]}
            onChange={setDepth}
          />
          {observations > 0 && (
            <Note>
              What you corrected, locked or named stays; only the rest is found anew. Afterwards you see both, before
              and after, and keep one.
            </Note>
          )}
        </div>
      )}
    </Dialog>
  );
}
