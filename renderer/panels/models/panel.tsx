import { useCallback, useEffect, useState } from 'react';
import type { ModelKindInfo, ModelSummary, ModelsResult } from '../../../contract/index.ts';
import { failureOf, type Loadable, useStudio } from '../../state/index.ts';
import { Badge, Button, ErrorState, IconButton, LoadingState, Note, plural, Spinner } from '../../ui/index.ts';
import { originOf, stateOf, withChecked } from './words.ts';
import './models.css';

/** Which models are asked about right now: their folders' names, all of them, or one that is being added. */
type Work = { readonly kind: 'check'; readonly ids: readonly string[] | undefined } | { readonly kind: 'add' } | null;

function ModelRow({ model, busy, onCheck }: { model: ModelSummary; busy: boolean; onCheck: (() => void) | undefined }) {
  const { text, tone } = stateOf(model);
  return (
    <li className="model-row">
      <div className="model-main">
        <span className="model-name">
          <strong>{model.id}</strong>
          <Badge tone={tone}>{text}</Badge>
        </span>
        <span className="model-origin">{originOf(model)}</span>
        {model.detail !== undefined && <span className="model-detail tabular">{model.detail}</span>}
        {model.problem !== undefined && (
          <Note tone="bad">
            {model.problem} {model.hint}
          </Note>
        )}
      </div>
      {busy ? (
        <Spinner label={`Checking ${model.id}`} />
      ) : (
        <Button size="small" disabled={onCheck === undefined} onClick={onCheck} aria-label={`Check ${model.id}`}>
          Check
        </Button>
      )}
    </li>
  );
}

function Kind({
  info,
  folder,
  children,
}: {
  info: ModelKindInfo;
  folder: string;
  children: readonly React.ReactNode[];
}) {
  return (
    <section className="model-kind" aria-label={info.title}>
      <h3>
        {info.title} {info.installed === 0 && <Badge>Not installed</Badge>}
      </h3>
      <p>
        {info.installed === 0 ? 'Would enable ' : 'Enables '}
        {info.enables}. {info.installed === 0 && info.without}
      </p>
      {children.length > 0 && <ul>{children}</ul>}
      {info.installed === 0 && (
        <p className="model-missing">
          Put a folder with{' '}
          {info.files.map((file) => (
            <code key={file}>{file}</code>
          ))}{' '}
          into <code>{folder}</code>
        </p>
      )}
    </section>
  );
}

/** Models of this machine: what is installed, what each kind is for, whether it works, where to put others. */
export function ModelsPanel() {
  const studio = useStudio();
  const [result, setResult] = useState<Loadable<ModelsResult>>({ status: 'loading' });
  const [work, setWork] = useState<Work>(null);

  const load = useCallback(
    async (signal?: AbortSignal) => {
      try {
        const value = await studio.transport.call('models.list', {}, signal === undefined ? {} : { signal });
        setResult((before) => ({
          status: 'ready',
          value: before.status === 'ready' ? withChecked(before.value, value) : value,
        }));
      } catch (error) {
        if (signal?.aborted !== true) setResult({ status: 'error', failure: failureOf(error) });
      }
    },
    [studio],
  );
  useEffect(() => {
    const controller = new AbortController();
    void load(controller.signal);
    return () => controller.abort();
  }, [load]);

  const busyWith = async (next: NonNullable<Work>, ask: () => Promise<ModelsResult>) => {
    setWork(next);
    const value = await studio.attempt(ask);
    setWork(null);
    if (value === undefined) return undefined;
    setResult((before) => ({
      status: 'ready',
      value: before.status === 'ready' ? withChecked(before.value, value) : value,
    }));
    return value;
  };
  const check = (ids?: readonly string[]) =>
    void busyWith({ kind: 'check', ids }, () =>
      studio.transport.call('models.check', ids === undefined ? {} : { ids: [...ids] }),
    );
  const add = async () => {
    const path = await studio.choosePath({ title: 'Add the folder of a model', action: 'Add', choose: 'folder' });
    if (path === null) return;
    const value = await busyWith({ kind: 'add' }, () => studio.transport.call('models.add', { path }));
    const added = value?.models.find(({ from, detail }) => from === 'user' && detail !== undefined);
    if (added !== undefined) studio.toast('success', `Added ${added.id}: ${added.detail}`);
  };

  if (result.status === 'error') {
    return (
      <div className="ui-panel">
        <ErrorState failure={result.failure} actions={<Button onClick={() => void load()}>Try again</Button>} />
      </div>
    );
  }
  if (result.status !== 'ready') return <LoadingState label="Looking for models" />;
  const { models, kinds, folders, leftOut } = result.value;
  const checking = (id: string): boolean => work?.kind === 'check' && (work.ids?.includes(id) ?? true);
  const row = (model: ModelSummary) => (
    <ModelRow
      key={model.folder}
      model={model}
      busy={checking(model.id)}
      onCheck={work === null ? () => check([model.id]) : undefined}
    />
  );
  const unknown = models.filter(({ kind }) => kind === null);
  return (
    <div className="ui-panel models">
      <div className="ui-toolbar" role="toolbar" aria-label="Models">
        <Button size="small" icon="folder-plus" disabled={work !== null} onClick={() => void add()}>
          {work?.kind === 'add' ? 'Adding…' : 'Add folder'}
        </Button>
        <Button size="small" icon="check" disabled={work !== null || models.length === 0} onClick={() => check()}>
          Check all
        </Button>
        <span className="ui-toolbar-gap" />
        <IconButton icon="resume" label="Look again" onClick={() => void load()} />
      </div>
      <div className="ui-panel-body models-body">
        {kinds.map((info) => (
          <Kind key={info.kind} info={info} folder={folders.user}>
            {models.filter(({ kind }) => kind === info.kind).map(row)}
          </Kind>
        ))}
        {unknown.length > 0 && (
          <section className="model-kind" aria-label="Not recognised">
            <h3>Not recognised</h3>
            <ul>{unknown.map(row)}</ul>
          </section>
        )}
        {leftOut > 0 && <Note tone="warn">{plural(leftOut, 'more folder')} not shown.</Note>}
        <p className="model-missing">
          Your models: <code>{folders.user}</code>
        </p>
      </div>
    </div>
  );
}
