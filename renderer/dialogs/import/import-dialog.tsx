import { useEffect, useState } from 'react';
import type { ImportPreview } from '../../../contract/index.ts';
import { failureOf, isAbort, type Loadable, useStudio } from '../../state/index.ts';
import { Button, Dialog, ErrorState, Field, Icon, LoadingState, plural, Select } from '../../ui/index.ts';
import { CameraMap } from './camera-map.tsx';
import { importChecks, SCALES, suggestedScale } from './checks.ts';
import { SampleView } from './sample-view.tsx';
import './import.css';

const FORMATS: Record<ImportPreview['format'], string> = {
  'colmap-bin': 'COLMAP, binary',
  'colmap-txt': 'COLMAP, text',
  nerfstudio: 'nerfstudio transforms.json',
  'instant-ngp': 'instant-ngp transforms.json',
  'epic-fields': 'EPIC-Fields JSON',
};

type Holdout = 'source' | 'every-8' | 'none' | 'names';

const ICON = { good: 'check', warn: 'warning', bad: 'error', neutral: 'info' } as const;

function holdoutArgument(choice: Holdout, names: string): { holdout?: string } {
  switch (choice) {
    case 'source':
      return {};
    case 'every-8':
      return { holdout: '8' };
    case 'none':
      return { holdout: '0' };
    case 'names':
      return { holdout: names };
    default:
      return choice satisfies never;
  }
}

/** What import would do, shown and checked before anything is written or trained. */
export function ImportDialog({ path }: { path: string }) {
  const studio = useStudio();
  const [preview, setPreview] = useState<Loadable<ImportPreview>>({ status: 'loading' });

  useEffect(() => {
    const controller = new AbortController();
    setPreview({ status: 'loading' });
    studio.transport
      .call('capture.preview', { path }, { signal: controller.signal })
      .then((value) => setPreview({ status: 'ready', value }))
      .catch((error) => {
        if (!isAbort(error)) setPreview({ status: 'error', failure: failureOf(error) });
      });
    return () => controller.abort();
  }, [studio, path]);

  if (preview.status === 'ready') return <Preview preview={preview.value} />;
  return (
    <Dialog
      title="Import a capture"
      onClose={() => studio.closeDialog()}
      width={1040}
      footer={<Button onClick={() => studio.closeDialog()}>Cancel</Button>}
    >
      <div className="import-wait">
        {preview.status === 'error' ? (
          <ErrorState failure={preview.failure} />
        ) : (
          <LoadingState label="Reading cameras, points and a few photos" />
        )}
      </div>
    </Dialog>
  );
}

function Preview({ preview }: { preview: ImportPreview }) {
  const studio = useStudio();
  const [scale, setScale] = useState(() => suggestedScale(preview));
  const [holdout, setHoldout] = useState<Holdout>(preview.holdout.length > 0 ? 'source' : 'every-8');
  const [names, setNames] = useState('');
  const [busy, setBusy] = useState(false);
  const checks = importChecks(preview);
  const bad = checks.some(({ tone }) => tone === 'bad');
  const camera = preview.cameras[0];
  const warningTotal = Object.values(preview.warningCounts).reduce((sum, count) => sum + count, 0);

  async function start() {
    setBusy(true);
    const spec = { kind: 'import-capture' as const, path: preview.path, scale, ...holdoutArgument(holdout, names) };
    const started = await studio.attempt(() => studio.transport.call('jobs.start', { spec }));
    setBusy(false);
    if (started === undefined) return;
    studio.closeDialog();
    studio.toast('info', `Importing ${preview.name}.`);
  }

  return (
    <Dialog
      title={`Import ${preview.name}`}
      onClose={() => studio.closeDialog()}
      width={1040}
      footer={
        <>
          <span className="import-format">{FORMATS[preview.format]}</span>
          <span className="ui-toolbar-gap" />
          <Button onClick={() => studio.closeDialog()}>Cancel</Button>
          <Button
            variant="primary"
            icon="import"
            disabled={busy || preview.frames === 0 || (holdout === 'names' && names.trim() === '')}
            onClick={() => void start()}
          >
            {bad ? 'Import anyway' : `Import ${plural(preview.frames, 'frame')}`}
          </Button>
        </>
      }
    >
      <div className="import">
        <div className="import-side">
          <ul className="import-checks" aria-label="Checks">
            {checks.map(({ id, tone, title, detail }) => (
              <li key={id} data-tone={tone}>
                <Icon name={ICON[tone]} />
                <div>
                  <strong>{title}</strong>
                  <p>{detail}</p>
                </div>
              </li>
            ))}
          </ul>
          <div className="import-options">
            <Select
              label="Size of the photos"
              value={String(scale)}
              options={SCALES.map((factor) => ({
                value: String(factor),
                label:
                  camera === undefined
                    ? `${factor * 100} %`
                    : `${Math.round(camera.width * factor)} × ${Math.round(camera.height * factor)}${factor === 1 ? ', full' : ''}`,
              }))}
              onChange={(value) => setScale(Number(value))}
            />
            <Select
              label="Held out from training"
              value={holdout}
              options={[
                {
                  value: 'source',
                  label:
                    preview.holdout.length > 0
                      ? `The source's split (${preview.holdout.length})`
                      : "The source's split",
                  disabled: preview.holdout.length === 0,
                },
                { value: 'every-8', label: `Every 8th frame (${Math.ceil(preview.frames / 8)})` },
                { value: 'none', label: 'None' },
                { value: 'names', label: 'By name…' },
              ]}
              onChange={setHoldout}
            />
            {holdout === 'names' && (
              <Field
                label="Names, separated by commas"
                value={names}
                placeholder={preview.names.slice(0, 2).join(', ')}
                onChange={(event) => setNames(event.target.value)}
              />
            )}
          </div>
        </div>
        <div className="import-pictures">
          <div className="import-maps">
            <CameraMap preview={preview} view="top" title="From above" />
            <CameraMap preview={preview} view="side" title="From the side" />
          </div>
          <SampleView preview={preview} />
        </div>
        {warningTotal > 0 && (
          <details className="import-warnings" open={warningTotal <= 3}>
            <summary>{plural(warningTotal, 'warning')}</summary>
            <ul className="selectable">
              {preview.warnings.map((warning) => (
                <li key={`${warning.code} ${warning.file ?? ''} ${warning.message}`}>{warning.message}</li>
              ))}
              {warningTotal > preview.warnings.length && <li>and {warningTotal - preview.warnings.length} more</li>}
            </ul>
          </details>
        )}
      </div>
    </Dialog>
  );
}
