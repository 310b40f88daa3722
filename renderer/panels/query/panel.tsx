import { useCallback, useRef, useState } from 'react';
import { LANGUAGE_RECIPE_TITLES, MAX_QUERY_CHARACTERS } from '../../../contract/index.ts';
import { runCommand } from '../../commands/index.ts';
import {
  isActive,
  type QueryLayer,
  useCommandHandler,
  useQueries,
  useRecords,
  useSession,
  useStudio,
  useView,
} from '../../state/index.ts';
import { askQuery, chooseField, closeQuery, retryQuery, saveQuery } from '../../tools/index.ts';
import {
  Button,
  EmptyState,
  ErrorState,
  IconButton,
  LoadingState,
  Note,
  Progress,
  Segments,
  Select,
} from '../../ui/index.ts';
import { History } from './history.tsx';
import { Legend } from './legend.tsx';
import { Negatives } from './negatives.tsx';
import { OpenList } from './open-list.tsx';
import { BestFrames, RankedObjects } from './results.tsx';
import { Scales } from './scales.tsx';
import { Tiles } from './tiles.tsx';
import { emptyAnswer, otherNotes, quoted, timing } from './words.ts';
import './query.css';

/** Questions in words: what is asked, what answers it, and why. */
export function QueryPanel() {
  const studio = useStudio();
  const splatsId = useSession((state) => state.project?.currentSplatsId ?? null);
  const fields = useRecords((state) => state.language);
  if (splatsId === null) {
    return (
      <div className="ui-panel">
        <EmptyState
          icon="search"
          title="Nothing to ask yet"
          actions={
            <Button variant="primary" icon="train" onClick={() => runCommand(studio, 'train.splats')}>
              Train splats…
            </Button>
          }
        >
          Type words, and see where they are in the photos and in 3D. First comes a splat model, then a language field
          on it.
        </EmptyState>
      </div>
    );
  }
  if (fields.status === 'error') return <ErrorState failure={fields.failure} />;
  if (fields.status !== 'ready') return <LoadingState label="Looking for language fields" />;
  if (fields.value.length === 0) return <WithoutField />;
  return <Queries />;
}

/** The model is there, and nothing on it that understands words. */
function WithoutField() {
  const studio = useStudio();
  const job = useSession(({ jobs }) => jobs.find((one) => one.kind === 'train-language' && isActive(one)));
  return (
    <div className="ui-panel">
      {job === undefined ? (
        <EmptyState
          icon="search"
          title="No language field yet"
          actions={
            <Button variant="primary" icon="train" onClick={() => runCommand(studio, 'train.language')}>
              Train language field…
            </Button>
          }
        >
          A language field gives every splat a meaning that words can be compared with. It is trained once for a model;
          then queries take milliseconds.
        </EmptyState>
      ) : (
        <EmptyState
          icon="clock"
          title="A language field is being made"
          actions={<Button onClick={() => studio.showPanel('jobs')}>Show the job</Button>}
        >
          {job.detail === '' ? 'It waits for its turn.' : job.detail}
        </EmptyState>
      )}
      {job !== undefined && <Progress value={job.progress} label={job.title} />}
    </div>
  );
}

type Arrangement = 'layered' | 'beside';

function Queries() {
  const studio = useStudio();
  const layers = useQueries((state) => state.layers);
  const active = useQueries((state) => state.layers.find(({ key }) => key === state.active));
  const [arrangement, setArrangement] = useState<Arrangement>('layered');
  useCommandHandler(
    'query.save',
    useCallback(() => {
      const { layers: all, active: key } = studio.queries.getState();
      const query = all.find((layer) => layer.key === key)?.query ?? null;
      if (query !== null) saveQuery(studio, query, !query.saved);
    }, [studio]),
  );
  useCommandHandler(
    'query.close',
    useCallback(() => {
      const { active: key } = studio.queries.getState();
      if (key !== null) closeQuery(studio, key);
    }, [studio]),
  );
  return (
    <div className="ui-panel query-panel">
      <AskForm />
      <div className="ui-panel-body query-body">
        <FieldNote />
        {layers.length > 0 && (
          <section className="query-section">
            <OpenList />
            {layers.length > 1 && (
              <Segments<Arrangement>
                label="Several queries"
                value={arrangement}
                options={[
                  { value: 'layered', label: 'Layered', hint: 'All of them over the views, each in its colour' },
                  { value: 'beside', label: 'Side by side', hint: 'Each over the current frame by itself' },
                ]}
                onChange={setArrangement}
              />
            )}
            {layers.length > 1 && arrangement === 'beside' && <Tiles />}
          </section>
        )}
        {active !== undefined && <Details key={active.key} layer={active} />}
        <History />
        <FieldChoice />
      </div>
    </div>
  );
}

function AskForm() {
  const studio = useStudio();
  const inputRef = useRef<HTMLInputElement>(null);
  const hasActive = useQueries((state) => state.active !== null);
  const ask = (beside: boolean) => {
    askQuery(studio, inputRef.current?.value ?? '', beside);
    inputRef.current?.select();
  };
  return (
    <form
      className="query-form"
      onSubmit={(event) => {
        event.preventDefault();
        ask(false);
      }}
    >
      <input
        ref={inputRef}
        className="ui-input"
        aria-label="What to look for"
        placeholder="for example: red mug"
        autoComplete="off"
        spellCheck={false}
        maxLength={MAX_QUERY_CHARACTERS}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || !event.shiftKey) return;
          event.preventDefault();
          ask(true);
        }}
      />
      <button type="submit" className="ui-button" data-variant="primary">
        Find
      </button>
      <IconButton
        icon="plus"
        label="Find beside the open queries"
        keys="Shift+Enter"
        disabled={!hasActive}
        onClick={() => ask(true)}
      />
    </form>
  );
}

/** The text model of the field that would answer is not there: what was answered before can still be seen. */
function FieldNote() {
  const studio = useStudio();
  const fields = useRecords((state) => state.language);
  const fieldId = useQueries((state) => state.fieldId);
  if (fields.status !== 'ready') return null;
  const field = fields.value.find(({ id }) => id === fieldId) ?? fields.value[0];
  if (field === undefined || field.problem === null) return null;
  return (
    <div className="query-section">
      <Note tone="warn">
        {field.problem.message} {field.problem.hint}
        <div className="query-actions">
          <Button size="small" onClick={() => runCommand(studio, 'train.language')}>
            Train language field…
          </Button>
        </div>
      </Note>
    </div>
  );
}

function Details({ layer }: { layer: QueryLayer }) {
  const studio = useStudio();
  const hidden = useView((state) => !state.frames.relevancy);
  const { answer, failure, text, milliseconds, key } = layer;
  if (failure !== null) {
    return (
      <div className="query-failure">
        <ErrorState failure={failure} actions={<Button onClick={() => retryQuery(studio, key)}>Ask again</Button>} />
      </div>
    );
  }
  if (answer === null) return <LoadingState label={`Looking for ${text}`} />;
  const empty = answer.found ? null : emptyAnswer(answer);
  return (
    <div className="query-details" aria-busy={layer.busy}>
      {answer.unknownWords.length > 0 && (
        <div className="query-section">
          <Note tone="warn">
            The text model does not know {quoted(answer.unknownWords)}: what it makes of such words means little.
          </Note>
        </div>
      )}
      {otherNotes(answer).map((note) => (
        <div className="query-section" key={note}>
          <Note>{note}</Note>
        </div>
      ))}
      {empty !== null && (
        <div className="query-section">
          <Note tone="warn">
            <strong>{empty.title}</strong> {empty.reason}
          </Note>
        </div>
      )}
      <Legend layer={layer} />
      {hidden && (
        <div className="query-section">
          <Button size="small" icon="eye" onClick={() => studio.setFramesView({ relevancy: true })}>
            Show relevancy over the frames
          </Button>
        </div>
      )}
      {answer.found && <RankedObjects layer={layer} />}
      <BestFrames layer={layer} />
      <Scales layer={layer} />
      <Negatives layer={layer} />
      <p className="query-timing tabular">
        {LANGUAGE_RECIPE_TITLES[answer.recipe as keyof typeof LANGUAGE_RECIPE_TITLES] ?? answer.recipe} ·{' '}
        {timing(answer, milliseconds)}
      </p>
    </div>
  );
}

/** Where a model has several language fields: which one answers. */
function FieldChoice() {
  const studio = useStudio();
  const fields = useRecords((state) => state.language);
  const fieldId = useQueries((state) => state.fieldId);
  if (fields.status !== 'ready') return null;
  const chosen = fields.value.find(({ id }) => id === fieldId) ?? fields.value[0];
  return (
    <section className="query-section query-field">
      {fields.value.length > 1 && chosen !== undefined && (
        <Select
          label="Answered by"
          value={String(chosen.id)}
          options={fields.value.map(({ id, recipe, model }) => ({
            value: String(id),
            label: `${id}: ${LANGUAGE_RECIPE_TITLES[recipe]}, ${model}`,
          }))}
          onChange={(id) => chooseField(studio, Number(id))}
        />
      )}
      <Button size="small" variant="quiet" icon="train" onClick={() => runCommand(studio, 'train.language')}>
        Train another language field…
      </Button>
    </section>
  );
}
