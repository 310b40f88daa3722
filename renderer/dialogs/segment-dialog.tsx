import { useState } from 'react';
import { useSession, useStudio } from '../state/index.ts';
import { Button, Dialog, ErrorState, Field, LoadingState, Note } from '../ui/index.ts';
import { Cards } from './cards.tsx';
import { useMaskSets } from './mask-sets.ts';
import { freeMaskName, maskNameProblem } from './segment.ts';

type Method = 'graph' | 'sam';

const METHODS = [
  {
    value: 'graph',
    title: 'Built in',
    note: 'Looks at colour, and at the depth of the splats where there are some. Needs no model file. Finds parts, not names.',
    fact: 'About a second a photo',
  },
  {
    value: 'sam',
    title: 'SAM-style model',
    note: 'An ONNX encoder and prompt decoder of your own. Sharper outlines, finds small things.',
    fact: 'Needs a model on this machine',
  },
] as const satisfies readonly { value: Method; title: string; note: string; fact: string }[];

/** Every photo segmented in 2D, each by itself: what lifting starts from. */
export function SegmentDialog() {
  const studio = useStudio();
  const captureId = useSession((state) => state.project?.currentCaptureId ?? null);
  const hasSplats = useSession((state) => (state.project?.currentSplatsId ?? null) !== null);
  const sets = useMaskSets();
  const [method, setMethod] = useState<Method>('graph');
  const [model, setModel] = useState('');
  const [typed, setTyped] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);

  const taken = sets.status === 'ready' ? sets.value.map(({ name }) => name) : [];
  const name = typed ?? freeMaskName(method, taken);
  const trimmed = name.trim();
  const problem =
    maskNameProblem(name) ?? (taken.includes(trimmed) ? 'There is a set of this name. Choose another.' : null);
  const ready =
    captureId !== null && sets.status === 'ready' && problem === null && (method === 'graph' || model.trim() !== '');

  async function start() {
    if (!ready || captureId === null) return;
    setBusy(true);
    const started = await studio.attempt(() =>
      studio.transport.call('jobs.start', {
        spec: {
          kind: 'segment-frames',
          captureId,
          method: method === 'graph' ? 'graph' : `sam:${model.trim()}`,
          name: trimmed,
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
      title="Segment frames"
      onClose={() => studio.closeDialog()}
      width={560}
      footer={
        <>
          <Button onClick={() => studio.closeDialog()}>Cancel</Button>
          <Button variant="primary" icon="layers" disabled={busy || !ready} onClick={() => void start()}>
            Segment
          </Button>
        </>
      }
    >
      {sets.status === 'error' ? (
        <ErrorState failure={sets.failure} />
      ) : sets.status !== 'ready' ? (
        <LoadingState label="Looking for masks" />
      ) : (
        <form
          className="stack"
          onSubmit={(event) => {
            event.preventDefault();
            void start();
          }}
        >
          <Cards label="Method" value={method} options={METHODS} onChange={setMethod} />
          {method === 'sam' && (
            <>
              <Field
                label="Model"
                value={model}
                placeholder="name of its folder"
                onChange={(event) => setModel(event.target.value)}
              />
              <Note>
                Give the name of a folder in native-models, or in the folder that LIFTSCOPE_MODELS names. It holds
                manifest.json, the image encoder and the prompt decoder, as ONNX files.
              </Note>
            </>
          )}
          <Field
            label="Name of the mask set"
            value={name}
            onChange={(event) => setTyped(event.target.value)}
            problem={problem ?? undefined}
            note="Ids differ from photo to photo until the set is lifted."
          />
          {method === 'graph' && !hasSplats && (
            <Note>
              There are no splats yet, so only colour is looked at. With splats, things of one colour that lie apart are
              told apart too.
            </Note>
          )}
          <button type="submit" hidden />
        </form>
      )}
    </Dialog>
  );
}
