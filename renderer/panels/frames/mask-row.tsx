/** Which masks lie over the frame: one set, or the given ones left of the divider and the lifted ones right of it. */
import { useCallback, useEffect, useState } from 'react';
import { type MaskSetSummary, OBJECT_MASKS } from '../../../contract/index.ts';
import { commandById, formatChord, isMac, runCommand } from '../../commands/index.ts';
import { useCommandHandler, useSession, useStudio, useView } from '../../state/index.ts';
import { Button, IconButton, Select, Slider } from '../../ui/index.ts';
import { chooseMasks } from './mask-choice.ts';

export interface MaskChoice {
  readonly sets: readonly MaskSetSummary[];
  /** There are objects with masks. */
  readonly observed: boolean;
  /** Null where there are no masks at all. */
  readonly shown: string | null;
  /** Left of the divider; null while masks are not compared. */
  readonly before: string | null;
  /** Sets for the left side: those that were not lifted. */
  readonly given: readonly MaskSetSummary[];
  readonly choose: (set: string) => void;
  readonly chooseBefore: (set: string) => void;
}

export function useMaskChoice(captureId: number): MaskChoice {
  const observed = useSession((state) => (state.project?.observations ?? 0) > 0);
  const comparing = useView((state) => state.frames.masksCompare);
  const sets = useMaskSets(captureId);
  const [chosen, choose] = useState<string | null>(null);
  const [chosenBefore, chooseBefore] = useState<string | null>(null);
  const choice = chooseMasks(sets, observed, chosen, chosenBefore);
  const { flipped } = choice;
  useCommandHandler(
    'frames.masks-flip',
    useCallback(() => {
      if (flipped !== null) choose(flipped);
    }, [flipped]),
  );
  const before = comparing ? choice.before : null;
  return { sets, observed, shown: choice.shown, before, given: choice.given, choose, chooseBefore };
}

function useMaskSets(captureId: number): readonly MaskSetSummary[] {
  const studio = useStudio();
  const revision = useSession((state) => state.project?.revision);
  const [sets, setSets] = useState<readonly MaskSetSummary[]>([]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a change of the project may have added a set
  useEffect(() => {
    const abort = new AbortController();
    void studio
      .attempt(() => studio.transport.call('masks.list', { captureId }, { signal: abort.signal }))
      .then((answer) => {
        if (answer !== undefined && !abort.signal.aborted) setSets(answer.sets);
      });
    return () => abort.abort();
  }, [studio, captureId, revision]);
  return sets;
}

const labelOf = ({ name, consistentIds, provenance }: MaskSetSummary): string =>
  provenance === 'lifted' ? `${name} (as lifted)` : consistentIds ? name : `${name} (per frame)`;

const keysOf = (id: string): { keys: string } => ({
  keys: formatChord(commandById(id).keys[0] ?? '', isMac()),
});

export function MaskRow({ choice }: { choice: MaskChoice }) {
  const studio = useStudio();
  const view = useView((state) => state.frames);
  const { sets, observed, shown, before, given } = choice;
  if (shown === null) {
    return (
      <div className="frames-row frames-empty">
        <span>No masks yet.</span>
        <Button size="small" icon="layers" onClick={() => runCommand(studio, 'masks.segment')}>
          Segment frames…
        </Button>
      </div>
    );
  }
  return (
    <div className="frames-row frames-masks">
      {before !== null && (
        <Select
          label="Masks left of the divider"
          hideLabel
          value={before}
          options={given.map((set) => ({ value: set.name, label: labelOf(set) }))}
          onChange={choice.chooseBefore}
        />
      )}
      <Select
        label={before === null ? 'Masks shown' : 'Masks right of the divider'}
        hideLabel
        value={shown}
        options={[
          ...(observed ? [{ value: OBJECT_MASKS, label: 'Objects (lifted)' }] : []),
          ...sets.map((set) => ({ value: set.name, label: labelOf(set) })),
        ]}
        onChange={choice.choose}
      />
      <IconButton
        icon="split"
        size="small"
        label={
          given.length === 0 || !observed ? 'Compare masks: lift some first' : 'Before | after: given and lifted masks'
        }
        {...keysOf('frames.masks-compare')}
        disabled={given.length === 0 || !observed}
        pressed={before !== null}
        onClick={() => runCommand(studio, 'frames.masks-compare')}
      />
      <Slider
        label="Mask opacity"
        hideLabel
        hideValue={before !== null}
        value={view.instancesOpacity}
        onChange={(instancesOpacity) => studio.setFramesView({ instancesOpacity })}
      />
    </div>
  );
}
