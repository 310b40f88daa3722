import { useEffect, useRef, useState } from 'react';
import { type JobView, routes } from '../../../contract/index.ts';
import { isActive, loadJob, useSession, useStudio } from '../../state/index.ts';
import {
  Badge,
  Button,
  formatBytes,
  formatCount,
  formatFixed,
  formatShort,
  Icon,
  Note,
  Progress,
  Segments,
} from '../../ui/index.ts';
import { Chart } from './chart.tsx';
import { stateOf, timeOf } from './words.ts';

const NO_POINTS: readonly never[] = [];

const formatLoss = (value: number | null) => formatFixed(value, 4);
const formatPsnr = (value: number | null) => formatFixed(value, 2, 'dB');
const tickLoss = (value: number) => String(Number(value.toPrecision(2)));
const tickPsnr = (value: number) => String(Number(value.toPrecision(3)));

function Preview({ job }: { job: JobView }) {
  const live = useSession((state) => state.previews[job.id]);
  const number = live?.preview ?? job.preview;
  return (
    <figure className="job-preview">
      {number > 0 ? (
        <img src={routes.preview(job.id, number)} alt={`What ${job.title} looks like now`} />
      ) : (
        <span className="job-preview-none">
          <Icon name="image" size={20} />
          {isActive(job) ? 'The first preview is on its way' : 'No preview'}
        </span>
      )}
      {live !== undefined && <figcaption>iteration {formatCount(live.iteration)}</figcaption>}
    </figure>
  );
}

function Log({ jobId }: { jobId: number }) {
  const lines = useSession((state) => state.logs[jobId]) ?? NO_POINTS;
  const list = useRef<HTMLOListElement>(null);
  const pinned = useRef(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: new lines scroll into sight
  useEffect(() => {
    if (pinned.current && list.current !== null) list.current.scrollTop = list.current.scrollHeight;
  }, [lines]);
  if (lines.length === 0) return <p className="job-none">Nothing was logged.</p>;
  return (
    <ol
      ref={list}
      className="job-log selectable"
      aria-label="Log"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and must scroll by keys too
      tabIndex={0}
      onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
        pinned.current = scrollTop + clientHeight >= scrollHeight - 8;
      }}
    >
      {lines.map((line, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: lines are only ever appended
        <li key={index} data-level={line.level}>
          <time>{new Date(line.at).toLocaleTimeString('en-GB')}</time>
          <span>{line.text}</span>
        </li>
      ))}
    </ol>
  );
}

export function JobDetail({ job }: { job: JobView }) {
  const studio = useStudio();
  const points = useSession((state) => state.curves[job.id]) ?? NO_POINTS;
  const [tab, setTab] = useState<'curves' | 'log'>(job.kind === 'train-splats' ? 'curves' : 'log');
  const state = stateOf(job);
  const trains = job.kind === 'train-splats';
  const none = isActive(job) ? 'Not started' : 'Nothing was recorded';

  useEffect(() => void loadJob(studio, job.id), [studio, job.id]);

  const ask = (name: 'jobs.cancel' | 'jobs.resume' | 'jobs.remove') => () =>
    void studio.attempt(() => studio.transport.call(name, { jobId: job.id }));

  const facts = [job.detail, timeOf(job), job.device, job.memoryBytes === null ? null : formatBytes(job.memoryBytes)];
  return (
    <div className="job-detail">
      <header>
        <h3>{job.title}</h3>
        <Badge tone={state.tone}>{state.text}</Badge>
        <p className="job-facts tabular">{facts.filter(Boolean).join('  ·  ')}</p>
        <Segments
          label="Details"
          value={tab}
          onChange={setTab}
          options={[
            { value: 'curves', label: trains ? 'Curves' : 'Preview' },
            { value: 'log', label: 'Log' },
          ]}
        />
        {isActive(job) ? (
          <Button size="small" icon="stop" disabled={job.state === 'cancelling'} onClick={ask('jobs.cancel')}>
            Cancel
          </Button>
        ) : (
          <>
            {job.resumable && job.state !== 'finished' && (
              <Button size="small" variant="primary" icon="resume" onClick={ask('jobs.resume')}>
                Resume
              </Button>
            )}
            <Button size="small" icon="trash" onClick={ask('jobs.remove')}>
              Remove
            </Button>
          </>
        )}
      </header>
      {isActive(job) && <Progress value={job.state === 'queued' ? 0 : job.progress} label={`${job.title}: progress`} />}
      {job.failure !== null && (
        <Note tone={job.failure.code === 'cancelled' ? 'neutral' : 'bad'}>
          <strong>{job.failure.message}</strong>
          {job.failure.hint !== undefined && <p>{job.failure.hint}</p>}
        </Note>
      )}
      <div className="job-tab" data-tab={tab}>
        {tab === 'log' ? (
          <Log jobId={job.id} />
        ) : (
          <>
            {trains && (
              <div className="job-charts">
                <Chart
                  title="Loss"
                  none={none}
                  field="loss"
                  points={points}
                  format={formatLoss}
                  tick={tickLoss}
                  colour="--chart-1"
                  logarithmic
                />
                <Chart
                  title="PSNR, held out"
                  none={
                    isActive(job)
                      ? 'Measured on held-out frames every 1,000 iterations and at the end'
                      : 'Was not measured'
                  }
                  field="psnr"
                  points={points}
                  format={formatPsnr}
                  tick={tickPsnr}
                  colour="--chart-2"
                />
                <Chart
                  title="Gaussians"
                  none={none}
                  field="gaussians"
                  points={points}
                  format={formatCount}
                  tick={formatShort}
                  colour="--chart-3"
                />
              </div>
            )}
            <Preview job={job} />
          </>
        )}
      </div>
    </div>
  );
}
