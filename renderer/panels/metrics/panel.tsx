import { useMemo, useState } from 'react';
import type { FrameMetrics } from '../../../contract/index.ts';
import { runCommand } from '../../commands/index.ts';
import { useRecords, useSelection, useSession, useStudio } from '../../state/index.ts';
import {
  Badge,
  Button,
  EmptyState,
  ErrorState,
  errorColor,
  formatFixed,
  LoadingState,
  Menu,
  plural,
  Segments,
  type Sorting,
  Table,
} from '../../ui/index.ts';
import {
  filterRows,
  histogram,
  type MetricField,
  type MetricFilter,
  sortRows,
  statistics,
  toCsv,
  toJson,
} from './rows.ts';
import './metrics.css';

const BINS = 16;

function download(name: string, type: string, text: string) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

function Histogram({ values }: { values: readonly number[] }) {
  const bins = histogram(values, BINS);
  const first = bins[0];
  const last = bins.at(-1);
  if (first === undefined || last === undefined) return null;
  const most = Math.max(...bins.map(({ count }) => count));
  const words = `PSNR from ${first.from.toFixed(1)} to ${last.to.toFixed(1)} dB over ${plural(values.length, 'frame')}`;
  return (
    <figure className="histogram">
      <figcaption>Frames by PSNR</figcaption>
      <div className="histogram-bars" role="img" aria-label={words}>
        {bins.map(({ from, to, count }, index) => (
          <span
            key={from}
            title={`${from.toFixed(2)} to ${to.toFixed(2)} dB: ${plural(count, 'frame')}`}
            style={{
              height: `${count === 0 ? 0 : Math.max(2, (count / most) * 100)}%`,
              background: errorColor(bins.length === 1 ? 0 : 1 - index / (bins.length - 1)),
            }}
          />
        ))}
      </div>
      <div className="histogram-ends">
        <span>{first.from.toFixed(1)}</span>
        <span>{last.to.toFixed(1)} dB</span>
      </div>
    </figure>
  );
}

function Figures({ metrics }: { metrics: FrameMetrics }) {
  const studio = useStudio();
  const project = useSession((state) => state.project?.name ?? 'project');
  const frames = useRecords((state) => state.frames);
  const frame = useSelection((state) => state.frame);
  const hasHoldout = metrics.frames.some(({ holdout }) => holdout);
  const [filter, setFilter] = useState<MetricFilter>('all');
  const [sorting, setSorting] = useState<Sorting>({ column: 'psnr', descending: false });

  const rows = useMemo(
    () => sortRows(filterRows(metrics.frames, filter), sorting.column as MetricField, sorting.descending),
    [metrics, filter, sorting],
  );
  const indexOf = useMemo(
    () => new Map(frames.status === 'ready' ? frames.value.names.map((name, index) => [name, index] as const) : []),
    [frames],
  );
  const current = frames.status === 'ready' ? frames.value.names[frame] : undefined;
  const psnr = statistics(rows.map((row) => row.psnr));
  const ssim = statistics(rows.map((row) => row.ssim));
  const low = Math.min(...metrics.frames.map((row) => row.psnr).filter(Number.isFinite));
  const high = Math.max(...metrics.frames.map((row) => row.psnr).filter(Number.isFinite));
  const at = current === undefined ? -1 : rows.findIndex(({ name }) => name === current);

  return (
    <div className="ui-panel">
      <div className="ui-toolbar" role="toolbar" aria-label="Metrics">
        <Segments
          label="Frames"
          value={filter}
          onChange={setFilter}
          options={[
            { value: 'all', label: 'All' },
            { value: 'holdout', label: 'Held out', disabled: !hasHoldout },
            { value: 'train', label: 'Trained', disabled: metrics.frames.every(({ holdout }) => holdout) },
          ]}
        />
        <span className="ui-toolbar-gap" />
        <Menu
          label="Export"
          align="end"
          items={() => [
            { id: 'csv', label: 'As CSV', run: () => download(`${project}-metrics.csv`, 'text/csv', toCsv(rows)) },
            {
              id: 'json',
              label: 'As JSON',
              run: () => download(`${project}-metrics.json`, 'application/json', toJson(metrics, rows)),
            },
          ]}
          trigger={(props) => (
            <button {...props} type="button" className="ui-button" data-size="small">
              Export
            </button>
          )}
        />
      </div>
      <div className="metrics">
        <aside className="metrics-summary" aria-label="Means">
          <dl>
            <dt>PSNR</dt>
            <dd>
              {formatFixed(psnr?.mean ?? null, 2)} <span>± {formatFixed(psnr?.deviation ?? null, 2, 'dB')}</span>
            </dd>
            <dt>SSIM</dt>
            <dd>
              {formatFixed(ssim?.mean ?? null, 4)} <span>± {formatFixed(ssim?.deviation ?? null, 4)}</span>
            </dd>
            <dt>Frames</dt>
            <dd>{rows.length}</dd>
          </dl>
          <Histogram values={rows.map((row) => row.psnr)} />
        </aside>
        <Table
          label="Frames by quality"
          rows={rows}
          rowKey={(row) => row.name}
          isSelected={(row) => row.name === current}
          onSelect={(row) => {
            const index = indexOf.get(row.name);
            if (index !== undefined) studio.goToFrame(index);
          }}
          scrollTo={at < 0 ? null : at}
          sorting={sorting}
          onSort={setSorting}
          columns={[
            {
              id: 'name',
              title: 'Frame',
              width: 'minmax(90px, 2fr)',
              sortable: true,
              cell: (row) => row.name,
            },
            {
              id: 'split',
              title: 'Split',
              width: 'minmax(72px, 1fr)',
              cell: (row) =>
                row.holdout ? <Badge tone="accent">Held out</Badge> : <span className="metrics-faint">Trained</span>,
            },
            {
              id: 'psnr',
              title: 'PSNR, dB',
              width: 'minmax(84px, 1fr)',
              align: 'right',
              sortable: true,
              cell: (row) => (
                <span className="metrics-value">
                  <i style={{ background: errorColor((high - row.psnr) / (high - low || 1)) }} />
                  {formatFixed(row.psnr, 2)}
                </span>
              ),
            },
            {
              id: 'ssim',
              title: 'SSIM',
              width: 'minmax(64px, 1fr)',
              align: 'right',
              sortable: true,
              cell: (row) => formatFixed(row.ssim, 4),
            },
          ]}
          empty={<p className="metrics-none">No frame of this kind was measured.</p>}
        />
      </div>
    </div>
  );
}

/** Image quality of the current model, frame by frame. */
export function MetricsPanel() {
  const studio = useStudio();
  const metrics = useRecords((state) => state.metrics);
  const hasCapture = useSession((state) => (state.project?.currentCaptureId ?? null) !== null);
  switch (metrics.status) {
    case 'loading':
      return <LoadingState label="Loading figures" />;
    case 'error':
      return <ErrorState failure={metrics.failure} />;
    case 'idle':
      return (
        <EmptyState
          icon="chart"
          title="No model to measure"
          actions={
            <Button
              variant="primary"
              icon={hasCapture ? 'train' : 'import'}
              onClick={() => runCommand(studio, hasCapture ? 'train.splats' : 'capture.import')}
            >
              {hasCapture ? 'Train splats' : 'Import capture'}
            </Button>
          }
        >
          PSNR and SSIM of every frame appear here once splats have been trained, the worst first.
        </EmptyState>
      );
    case 'ready':
      return metrics.value.frames.length === 0 ? (
        <EmptyState
          icon="chart"
          title="Not measured yet"
          actions={
            <Button variant="primary" onClick={() => runCommand(studio, 'train.evaluate')}>
              Measure quality
            </Button>
          }
        >
          This model has no figures: no frame was held out, or it came from a file.
        </EmptyState>
      ) : (
        <Figures metrics={metrics.value} />
      );
    default:
      return metrics satisfies never;
  }
}
