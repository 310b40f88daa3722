import './embeddings.css';
import { useEffect, useRef, useState } from 'react';
import type { EmbeddingPoints } from '../../../contract/index.ts';
import { runCommand } from '../../commands/index.ts';
import {
  failureOf,
  isAbort,
  type Loadable,
  useRecords,
  useSelection,
  useSession,
  useStudio,
} from '../../state/index.ts';
import { useLifts } from '../../tools/index.ts';
import { Button, EmptyState, ErrorState, formatPercent, IconButton, LoadingState, plural } from '../../ui/index.ts';
import { Scatter } from './scatter.ts';

export function EmbeddingsPanel() {
  const studio = useStudio();
  const splatsId = useSession((state) => state.project?.currentSplatsId ?? null);
  const lifts = useLifts();
  if (splatsId === null) {
    return (
      <div className="ui-panel">
        <EmptyState
          icon="points"
          title="No embeddings yet"
          actions={<Button onClick={() => runCommand(studio, 'train.splats')}>Train splats…</Button>}
        >
          Lifting gives every Gaussian an embedding, and things of one object lie close together in it. Splats come
          first.
        </EmptyState>
      </div>
    );
  }
  if (lifts.status === 'error') return <ErrorState failure={lifts.failure} />;
  if (lifts.status !== 'ready') return <LoadingState label="Looking for lifts" />;
  const newest = lifts.value[0];
  if (newest === undefined) {
    return (
      <div className="ui-panel">
        <EmptyState
          icon="points"
          title="No embeddings yet"
          actions={
            <Button variant="primary" icon="lift" onClick={() => runCommand(studio, 'lift.objects')}>
              Lift objects…
            </Button>
          }
        >
          Lifting gives every Gaussian an embedding. Here it is seen in two dimensions, each point a Gaussian in the
          colour of its object: well told apart objects are islands of their own.
        </EmptyState>
      </div>
    );
  }
  return <Projection key={`${splatsId} ${newest.id}`} splatsId={splatsId} />;
}

/** The embedding, fetched again when objects have changed: which point belongs to which may be another then. */
function useEmbedding(splatsId: number): Loadable<EmbeddingPoints> {
  const studio = useStudio();
  const revision = useRecords((state) => (state.objects.status === 'ready' ? state.objects.value.revision : 0));
  const [points, setPoints] = useState<Loadable<EmbeddingPoints>>({ status: 'loading' });
  // biome-ignore lint/correctness/useExhaustiveDependencies: objects may have been merged or made
  useEffect(() => {
    const abort = new AbortController();
    studio.transport
      .call('lifts.embedding', { splatsId }, { signal: abort.signal })
      .then((value) => {
        if (!abort.signal.aborted) setPoints({ status: 'ready', value });
      })
      .catch((error: unknown) => {
        if (!abort.signal.aborted && !isAbort(error)) setPoints({ status: 'error', failure: failureOf(error) });
      });
    return () => abort.abort();
  }, [studio, splatsId, revision]);
  return points;
}

function Projection({ splatsId }: { splatsId: number }) {
  const studio = useStudio();
  const points = useEmbedding(splatsId);
  const objects = useRecords((state) => state.objects);
  const canvasRef = useRef<HTMLCanvasElement>(null);
  const scatterRef = useRef<Scatter | null>(null);
  const value = points.status === 'ready' ? points.value : null;

  useEffect(() => {
    const canvas = canvasRef.current;
    if (canvas === null) return;
    const scatter = new Scatter(canvas, studio);
    scatterRef.current = scatter;
    return () => {
      scatterRef.current = null;
      scatter.dispose();
    };
  }, [studio]);
  useEffect(() => {
    if (value !== null) scatterRef.current?.show(value, objects.status === 'ready' ? objects.value.objects : []);
  }, [value, objects]);

  return (
    <div className="ui-panel">
      <div className="ui-toolbar" role="toolbar" aria-label="Embeddings">
        <span className="embeddings-title">{value === null ? 'Embedding' : titleOf(value)}</span>
        <span className="ui-toolbar-gap" />
        <IconButton icon="fit" label="Show all points" onClick={() => scatterRef.current?.fit()} />
      </div>
      <div className="embeddings-view">
        {/* biome-ignore lint/a11y/noInteractiveElementToNoninteractiveRole: a canvas is nothing until it has a role */}
        <canvas
          ref={canvasRef}
          tabIndex={0}
          role="application"
          aria-label="Embeddings of the Gaussians in two dimensions: arrows select the next or previous object"
          data-testid="embeddings-canvas"
        />
        {points.status === 'error' && (
          <div className="embeddings-over">
            <ErrorState failure={points.failure} />
          </div>
        )}
        {points.status === 'loading' && (
          <div className="embeddings-over">
            <LoadingState label="Projecting the embedding" />
          </div>
        )}
      </div>
      {value !== null && <StatusLine value={value} />}
    </div>
  );
}

function titleOf({ recipe, source, dimensions }: EmbeddingPoints): string {
  return source === 'votes' ? `Votes of ${recipe}` : `${recipe}, ${plural(dimensions, 'dimension')}`;
}

/** What is seen, and how much of it: two axes never show all of an embedding. */
function StatusLine({ value }: { value: EmbeddingPoints }) {
  const objects = useRecords((state) => state.objects);
  const hovered = useSelection((state) => state.hoveredObject);
  const selected = useSelection((state) => state.objects.at(-1) ?? null);
  const id = hovered ?? selected;
  const object = objects.status === 'ready' ? objects.value.objects.find((one) => one.id === id) : undefined;
  const share = value.explained[0] + value.explained[1];
  return (
    <footer className="embeddings-status tabular">
      <span role="status" className="embeddings-name">
        {object === undefined
          ? `${plural(value.objects.length, 'Gaussian')} sampled`
          : `${object.name}: ${plural(value.objects.filter((one) => one === object.id).length, 'point')}`}
      </span>
      <span className="ui-toolbar-gap" />
      <span title="Share of the variance that the two principal components hold">
        {value.source === 'votes' ? 'no embedding was trained' : `${formatPercent(share)} of the variance`}
      </span>
    </footer>
  );
}
