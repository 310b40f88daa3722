import { useState } from 'react';
import { OBJECT_MASKS, type ProcedureInput } from '../../contract/index.ts';
import { failureOf, useSession, useStudio } from '../state/index.ts';
import { Button, Dialog, LoadingState, Note, plural, Select } from '../ui/index.ts';
import { Cards } from './cards.tsx';
import { useMaskSets } from './mask-sets.ts';

type MaskFormat = ProcedureInput<'masks.export'>['format'];
type Format = MaskFormat | 'splats';

const FORMATS: readonly {
  readonly value: Format;
  readonly title: string;
  readonly note: string;
  readonly fact: string;
}[] = [
  {
    value: 'id-png',
    title: 'Id PNGs',
    note: 'One image a frame, a pixel is the number of its object.',
    fact: 'A folder',
  },
  {
    value: 'coco-panoptic',
    title: 'COCO panoptic',
    note: 'Segments with categories, one per pixel, beside their PNGs.',
    fact: 'A JSON file and PNGs',
  },
  {
    value: 'coco-instances',
    title: 'COCO instances',
    note: 'Run-length masks with boxes. Masks may overlap.',
    fact: 'A JSON file',
  },
  {
    value: 'mots-txt',
    title: 'MOTS text',
    note: 'Tracks as run-length lines, a frame and an object each.',
    fact: 'A text file',
  },
  { value: 'mots-png', title: 'MOTS PNGs', note: 'Sixteen-bit images: 1000 × class + object.', fact: 'A folder' },
  {
    value: 'splats',
    title: 'Splats with object ids',
    note: 'The model as a splat PLY with an object_id of every Gaussian.',
    fact: 'A PLY file',
  },
];

const SUGGESTED: Record<Format, string> = {
  'id-png': 'masks',
  'coco-panoptic': 'panoptic.json',
  'coco-instances': 'instances.json',
  'mots-txt': 'mots.txt',
  'mots-png': 'mots',
  splats: 'objects.ply',
};

type Outcome = { readonly path: string; readonly text: string; readonly notes: readonly string[] };

/** Masks, objects and splats in the formats of others. */
export function ExportDialog() {
  const studio = useStudio();
  const project = useSession((state) => state.project);
  const captureId = project?.currentCaptureId ?? null;
  const splatsId = project?.currentSplatsId ?? null;
  const sets = useMaskSets();
  const [format, setFormat] = useState<Format>('id-png');
  const [chosen, setChosen] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const [failure, setFailure] = useState<string | null>(null);

  const hasObjects = (project?.observations ?? 0) > 0;
  const options = [
    ...(hasObjects ? [{ value: OBJECT_MASKS, label: 'Objects: lifted, with your corrections' }] : []),
    ...(sets.status === 'ready' ? sets.value : []).map(({ name, frames, source }) => ({
      value: name,
      label: `${name}: ${plural(frames, 'frame')}, from ${source}`,
    })),
  ];
  const set = options.some(({ value }) => value === chosen) ? chosen : (options[0]?.value ?? null);
  const splats = format === 'splats';
  const impossible = splats
    ? splatsId === null
      ? 'There is no model to export. Train splats first.'
      : null
    : sets.status === 'ready' && set === null
      ? 'This capture has no masks to export. Segment the frames or lift objects first.'
      : null;

  async function save() {
    if (captureId === null) return;
    const folder = format === 'id-png' || format === 'mots-png';
    const path = await studio.choosePath({
      title: 'Export',
      action: 'Export here',
      choose: folder ? 'new-folder' : 'save',
      suggestedName: SUGGESTED[format],
    });
    if (path === null) return;
    setBusy(true);
    setOutcome(null);
    setFailure(null);
    try {
      if (format === 'splats') {
        if (splatsId === null) return;
        const written = await studio.transport.call('splats.export', { splatsId, path, withObjects: true });
        setOutcome({ path: written.path, text: 'Wrote the splats.', notes: [] });
      } else if (set !== null) {
        const written = await studio.transport.call('masks.export', { captureId, set, format, path });
        const text = `Wrote ${plural(written.segments, 'segment')} in ${plural(written.frames, 'frame')}.`;
        setOutcome({ path: written.path, text, notes: written.notes });
      }
    } catch (error) {
      const { message, hint } = failureOf(error);
      setFailure(hint === undefined ? message : `${message} ${hint}`);
    } finally {
      setBusy(false);
    }
  }

  return (
    <Dialog
      title="Export masks and objects"
      onClose={() => studio.closeDialog()}
      width={600}
      footer={
        <>
          <Button onClick={() => studio.closeDialog()}>{outcome === null ? 'Cancel' : 'Done'}</Button>
          <Button
            variant="primary"
            icon="export"
            disabled={busy || impossible !== null || (!splats && set === null)}
            onClick={() => void save()}
          >
            {busy ? 'Writing…' : 'Export…'}
          </Button>
        </>
      }
    >
      <div className="stack">
        <Cards
          label="Format"
          value={format}
          options={FORMATS}
          onChange={(next) => {
            setFormat(next);
            setOutcome(null);
            setFailure(null);
          }}
        />
        {!splats &&
          (sets.status === 'loading' ? (
            <LoadingState label="Looking for masks" />
          ) : (
            set !== null && <Select label="Masks" value={set} options={options} onChange={setChosen} />
          ))}
        {sets.status === 'error' && !splats && <Note tone="bad">{sets.failure.message}</Note>}
        {impossible !== null && <Note tone="warn">{impossible}</Note>}
        <div role="status" className="stack">
          {outcome !== null && (
            <Note tone="good">
              {outcome.text} <span className="selectable mono">{outcome.path}</span>
            </Note>
          )}
          {outcome?.notes.map((note) => (
            <Note key={note} tone="warn">
              {note}
            </Note>
          ))}
        </div>
        {failure !== null && (
          <div role="alert">
            <Note tone="bad">{failure}</Note>
          </div>
        )}
      </div>
    </Dialog>
  );
}
