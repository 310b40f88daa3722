import { useState } from 'react';
import type { JobView } from '../../../contract/index.ts';
import { runCommand } from '../../commands/index.ts';
import { isActive, useSession, useStudio } from '../../state/index.ts';
import { Button, EmptyState, LoadingState, Progress } from '../../ui/index.ts';
import { JobDetail } from './job-detail.tsx';
import { stateOf, timeOf } from './words.ts';
import './jobs.css';

function JobCard({ job, selected, onSelect }: { job: JobView; selected: boolean; onSelect: () => void }) {
  const state = stateOf(job);
  const percent = job.state === 'running' && job.progress !== null ? `${Math.round(job.progress * 100)} %` : '';
  return (
    <li>
      <button type="button" className="job-card" aria-current={selected} data-tone={state.tone} onClick={onSelect}>
        <span className="job-card-title">{job.title}</span>
        <span className="job-card-state tabular">
          <span>{state.text}</span>
          <span>{[percent, timeOf(job)].filter(Boolean).join(', ')}</span>
        </span>
        {isActive(job) && <Progress value={job.state === 'queued' ? 0 : job.progress} label={null} />}
      </button>
    </li>
  );
}

/** Every job: the list, and the chosen one's curves, preview, failure and log. */
export function JobsPanel() {
  const studio = useStudio();
  const jobs = useSession((state) => state.jobs);
  const loaded = useSession((state) => state.app !== null);
  const hasCapture = useSession((state) => (state.project?.currentCaptureId ?? null) !== null);
  const [chosen, setChosen] = useState<number | null>(null);

  if (!loaded) return <LoadingState label="Loading jobs" />;
  if (jobs.length === 0)
    return (
      <div className="ui-panel">
        <EmptyState
          icon="bars"
          title="No jobs yet"
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
          Imports, trainings and measurements run in processes of their own and appear here, with live curves and a log.
        </EmptyState>
      </div>
    );
  // Until someone chooses, the panel shows what runs.
  const job =
    jobs.find(({ id }) => id === chosen) ??
    jobs.find(({ state }) => state === 'running') ??
    jobs.find(isActive) ??
    jobs[0];
  return (
    <div className="ui-panel jobs">
      <ul className="job-list" aria-label="Jobs">
        {jobs.map((entry) => (
          <JobCard key={entry.id} job={entry} selected={entry.id === job?.id} onSelect={() => setChosen(entry.id)} />
        ))}
      </ul>
      {job !== undefined && <JobDetail key={job.id} job={job} />}
    </div>
  );
}
