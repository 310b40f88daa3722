import { useState } from 'react';
import type { ProcedureOutput } from '../../contract/index.ts';
import { useSession, useStudio } from '../state/index.ts';
import { Button, Dialog, Note, plural } from '../ui/index.ts';

/** A capture's photos have moved: says which, looks in a folder the user names, and shows what it found before anything changes. */
export function RelinkDialog({ captureId }: { captureId: number }) {
  const studio = useStudio();
  const capture = useSession((state) => state.project?.captures.find(({ id }) => id === captureId));
  const [found, setFound] = useState<{ folder: string; check: ProcedureOutput<'capture.relinkCheck'> } | null>(null);
  const [busy, setBusy] = useState(false);

  async function look() {
    const folder = await studio.choosePath({
      title: `Folder with the photos of ${capture?.name ?? 'this capture'}`,
      action: 'Look here',
      choose: 'folder',
      kinds: ['folder', 'capture'],
    });
    if (folder === null) return;
    setBusy(true);
    const check = await studio.attempt(() => studio.transport.call('capture.relinkCheck', { captureId, folder }));
    setBusy(false);
    if (check !== undefined) setFound({ folder, check });
  }

  async function relink() {
    if (found === null) return;
    setBusy(true);
    const done = await studio.attempt(() =>
      studio.transport.call('capture.relink', { captureId, folder: found.folder, allowPartial: !found.check.complete }),
    );
    setBusy(false);
    if (done === undefined) return;
    studio.toast('success', 'The photos are linked again.');
    studio.closeDialog();
  }

  const missing = capture?.missingCount ?? 0;
  return (
    <Dialog
      title="Find moved photos"
      onClose={() => studio.closeDialog()}
      width={560}
      footer={
        <>
          <Button onClick={() => studio.closeDialog()}>Cancel</Button>
          <Button
            icon="folder"
            variant={found === null ? 'primary' : 'default'}
            disabled={busy}
            onClick={() => void look()}
          >
            {found === null ? 'Choose folder…' : 'Choose another…'}
          </Button>
          {found !== null && (
            <Button variant="primary" disabled={busy || found.check.found === 0} onClick={() => void relink()}>
              {found.check.complete ? 'Use this folder' : 'Use it anyway'}
            </Button>
          )}
        </>
      }
    >
      <div className="stack">
        {missing === 0 ? (
          <Note tone="good">
            Every photo of {capture?.name} is where it was imported from: {capture?.sourcePath}
          </Note>
        ) : (
          <Note tone="warn">
            {plural(missing, 'photo')} of {capture?.name} {missing === 1 ? 'is' : 'are'} not in {capture?.sourcePath}{' '}
            any more. Choose the folder that holds them now. Models and edits stay as they are.
          </Note>
        )}
        {missing > 0 && found === null && <NameList names={capture?.missing ?? []} count={missing} />}
        {found !== null && (
          <>
            <p className="selectable mono">{found.folder}</p>
            <Note tone={found.check.missingCount === 0 ? 'good' : 'warn'}>
              {plural(found.check.found, 'photo')} found
              {found.check.missingCount > 0 && `, ${found.check.missingCount} still missing`}.
            </Note>
            {found.check.differentCount > 0 && (
              <Note tone="bad">
                {plural(found.check.differentCount, 'file')} of the right name{' '}
                {found.check.differentCount === 1 ? 'is' : 'are'} not what was imported:{' '}
                {found.check.different.slice(0, 3).join(', ')}
                {found.check.differentCount > 3 ? '…' : ''}
              </Note>
            )}
            {found.check.missingCount > 0 && <NameList names={found.check.missing} count={found.check.missingCount} />}
          </>
        )}
      </div>
    </Dialog>
  );
}

function NameList({ names, count }: { names: readonly string[]; count: number }) {
  return (
    <ul className="name-list selectable" aria-label="Missing photos">
      {names.map((name) => (
        <li key={name}>{name}</li>
      ))}
      {count > names.length && <li>and {count - names.length} more</li>}
    </ul>
  );
}
