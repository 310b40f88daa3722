import { useEffect, useState } from 'react';
import type { FileEntry, ProcedureOutput } from '../../contract/index.ts';
import { type FileRequest, failureOf, type Loadable, useStudio } from '../state/index.ts';
import {
  Button,
  Dialog,
  ErrorState,
  Field,
  formatBytes,
  Icon,
  IconButton,
  type IconName,
  LoadingState,
  Table,
} from '../ui/index.ts';
import { joinPath, nameProblem } from './paths.ts';

type Listing = ProcedureOutput<'files.list'>;

const ICONS: Record<FileEntry['kind'], IconName> = {
  folder: 'folder',
  project: 'cube',
  capture: 'camera',
  splats: 'points',
  file: 'file',
};
const KIND_NAMES: Record<FileEntry['kind'], string> = {
  folder: 'Folder',
  project: 'Project',
  capture: 'Capture',
  splats: 'Splats',
  file: 'File',
};

/** Where the last choice was made: the next dialog starts there. */
let lastPath: string | undefined;

function mayChoose(request: FileRequest, entry: FileEntry): boolean {
  if (request.kinds !== undefined) return request.kinds.includes(entry.kind);
  return request.choose === 'file' ? entry.kind === 'file' || entry.kind === 'splats' : entry.kind !== 'file';
}

/** The browser shell's stand-in for native dialogs: the host's folders, within the roots it was started with. */
export function FileBrowser({ request, settle }: { request: FileRequest; settle: (path: string | null) => void }) {
  const studio = useStudio();
  const [path, setPath] = useState<string | undefined>(lastPath);
  const [listing, setListing] = useState<Loadable<Listing>>({ status: 'loading' });
  const [selected, setSelected] = useState<FileEntry | null>(null);
  const [name, setName] = useState(request.suggestedName ?? '');
  const [newFolder, setNewFolder] = useState<string | null>(null);
  const naming = request.choose === 'new-folder' || request.choose === 'save';

  useEffect(() => {
    const controller = new AbortController();
    setSelected(null);
    studio.transport
      .call('files.list', path === undefined ? {} : { path }, { signal: controller.signal })
      .then((value) => {
        if (!controller.signal.aborted) setListing({ status: 'ready', value });
      })
      .catch((error) => {
        if (controller.signal.aborted) return;
        // The remembered folder may be gone; the roots always are.
        if (path !== undefined && path === lastPath) {
          lastPath = undefined;
          setPath(undefined);
        } else setListing({ status: 'error', failure: failureOf(error) });
      });
    return () => controller.abort();
  }, [studio, path]);

  const here = listing.status === 'ready' ? listing.value.path : null;
  const problem = naming && name !== '' ? nameProblem(name) : null;
  const target = naming
    ? here !== null && name !== '' && problem === null
      ? joinPath(here, name)
      : null
    : selected !== null && mayChoose(request, selected)
      ? selected.path
      : selected === null && request.choose === 'folder' && (request.kinds?.includes('folder') ?? true)
        ? here
        : null;

  function finish(chosen: string | null) {
    if (chosen !== null) lastPath = here ?? undefined;
    studio.ui.setState((state) => ({ dialogs: state.dialogs.filter(({ kind }) => kind !== 'files') }));
    settle(chosen);
  }

  function open(entry: FileEntry) {
    const enter = entry.kind === 'folder' || (naming && entry.kind !== 'file');
    if (enter) setPath(entry.path);
    else if (mayChoose(request, entry)) finish(entry.path);
    else if (entry.kind === 'capture' || entry.kind === 'project') setPath(entry.path);
  }

  async function createFolder() {
    if (here === null || newFolder === null || nameProblem(newFolder) !== null) return;
    const made = await studio.attempt(() =>
      studio.transport.call('files.createFolder', { parent: here, name: newFolder }),
    );
    if (made === undefined) return;
    setNewFolder(null);
    setPath(made.path);
  }

  const parent = listing.status === 'ready' ? listing.value.parent : null;
  return (
    <Dialog
      title={request.title}
      onClose={() => finish(null)}
      width={640}
      footer={
        <>
          {here !== null && newFolder === null && (
            <Button variant="quiet" icon="folder-plus" onClick={() => setNewFolder('')}>
              New folder
            </Button>
          )}
          <span className="ui-toolbar-gap" />
          <Button onClick={() => finish(null)}>Cancel</Button>
          <Button variant="primary" disabled={target === null} onClick={() => finish(target)}>
            {request.action}
          </Button>
        </>
      }
    >
      <div className="files">
        <div className="files-path">
          <IconButton
            icon="arrow-up"
            label="Parent folder"
            disabled={path === undefined}
            onClick={() => setPath(parent ?? undefined)}
          />
          <span className="selectable" title={here ?? undefined}>
            {here ?? 'Folders that the studio may look into'}
          </span>
        </div>
        <div className="files-list">
          {listing.status === 'error' ? (
            <ErrorState
              failure={listing.failure}
              actions={<Button onClick={() => setPath(undefined)}>Back to the start</Button>}
            />
          ) : listing.status !== 'ready' ? (
            <LoadingState label="Reading the folder" />
          ) : (
            <Table
              key={here ?? ''}
              focusOnMount={!naming}
              label="Files"
              rows={listing.value.entries}
              rowKey={(entry) => entry.path}
              isSelected={(entry) => entry.path === selected?.path}
              onSelect={setSelected}
              onOpen={open}
              columns={[
                {
                  id: 'name',
                  title: 'Name',
                  width: '1fr',
                  cell: (entry) => (
                    <span className="files-name" data-kind={entry.kind}>
                      <Icon name={ICONS[entry.kind]} />
                      <span>{entry.name}</span>
                    </span>
                  ),
                },
                { id: 'kind', title: 'Kind', width: '80px', cell: (entry) => KIND_NAMES[entry.kind] },
                {
                  id: 'size',
                  title: 'Size',
                  width: '72px',
                  align: 'right',
                  cell: (entry) => (entry.sizeBytes === null ? '' : formatBytes(entry.sizeBytes)),
                },
              ]}
              empty={<p className="files-none">Nothing here.</p>}
            />
          )}
        </div>
        {listing.status === 'ready' && listing.value.truncated && (
          <p className="ui-field-note">More entries than can be listed; go into a subfolder.</p>
        )}
        {newFolder !== null && (
          <form
            className="files-new"
            onSubmit={(event) => {
              event.preventDefault();
              void createFolder();
            }}
          >
            <Field
              label="Name of the new folder"
              value={newFolder}
              autoFocus
              onChange={(event) => setNewFolder(event.target.value)}
              problem={newFolder === '' ? undefined : (nameProblem(newFolder) ?? undefined)}
            />
            <Button onClick={() => setNewFolder(null)}>Cancel</Button>
            <Button disabled={nameProblem(newFolder) !== null} onClick={() => void createFolder()}>
              Create
            </Button>
          </form>
        )}
        {naming && (
          <Field
            label="Name"
            value={name}
            onChange={(event) => setName(event.target.value)}
            problem={problem ?? undefined}
            note={here === null ? 'Go into a folder first.' : (target ?? here)}
            onKeyDown={(event) => {
              if (event.key === 'Enter' && target !== null) finish(target);
            }}
          />
        )}
      </div>
    </Dialog>
  );
}
