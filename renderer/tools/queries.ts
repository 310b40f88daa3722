/** Queries in words: asking, the open ones, and what is done to them. The stores hold the state; panels draw it. */
import { LANGUAGE_NEGATIVES, OBJECT_PALETTE, type QueryView, RELEVANCY_GATE } from '../../contract/index.ts';
import { failureOf, isAbort, type QueryLayer, type Studio } from '../state/index.ts';

/** More maps over one another than this, and nobody tells them apart. */
export const MAX_LAYERS = 6;
/** A slider still moves: what it says is stored when it rests. */
const STORE_AFTER_MS = 400;

type Settings = Pick<QueryLayer, 'text' | 'negatives' | 'scale' | 'threshold'>;

/** What is under way of each layer, by its key: a newer question ends the older one. */
const underWay = new WeakMap<Studio, Map<number, AbortController>>();
const storing = new WeakMap<Studio, Map<number, ReturnType<typeof setTimeout>>>();

function mapOf<V>(all: WeakMap<Studio, Map<number, V>>, studio: Studio): Map<number, V> {
  let found = all.get(studio);
  if (found === undefined) {
    found = new Map();
    all.set(studio, found);
  }
  return found;
}

function layerOf(studio: Studio, key: number): QueryLayer | undefined {
  return studio.queries.getState().layers.find((layer) => layer.key === key);
}

function setLayer(studio: Studio, key: number, change: Partial<QueryLayer>): void {
  studio.queries.setState(({ layers }) => ({
    layers: layers.map((layer) => (layer.key === key ? { ...layer, ...change } : layer)),
  }));
}

function freeColor(layers: readonly QueryLayer[]): string {
  const taken = new Set(layers.map(({ color }) => color));
  return OBJECT_PALETTE.find((color) => !taken.has(color)) ?? OBJECT_PALETTE[0];
}

/** Opens a query and asks it. @param beside the others stay open; else it takes the place of the active one */
export function askQuery(studio: Studio, text: string, beside = false): void {
  if (text.trim() === '') return;
  const { layers, active } = studio.queries.getState();
  const before = layers.find(({ key }) => key === active);
  const settings = {
    text: text.trim(),
    negatives: before?.negatives ?? LANGUAGE_NEGATIVES,
    scale: before?.scale ?? ('auto' as const),
    threshold: before?.threshold ?? RELEVANCY_GATE,
  };
  open(studio, settings, null, beside);
}

/** Opens one that the project keeps. */
export function openQuery(studio: Studio, query: QueryView, beside = false): void {
  const known = studio.queries.getState().layers.find((layer) => layer.query?.id === query.id);
  if (known !== undefined) {
    studio.queries.setState({ active: known.key });
    return;
  }
  const { text, negatives, scale, threshold } = query;
  open(studio, { text, negatives, scale, threshold }, query, beside);
}

let keys = 0;

function open(studio: Studio, settings: Settings, query: QueryView | null, beside: boolean): void {
  const { layers, active } = studio.queries.getState();
  const replaced = beside ? undefined : layers.find(({ key }) => key === active);
  if (replaced === undefined && layers.length >= MAX_LAYERS) {
    studio.toast('info', `${MAX_LAYERS} queries are open.`, 'Close one of them first.');
    return;
  }
  keys += 1;
  const layer: QueryLayer = {
    ...settings,
    key: keys,
    color: replaced?.color ?? freeColor(layers),
    visible: true,
    query,
    answer: null,
    frames: null,
    busy: true,
    failure: null,
    milliseconds: null,
  };
  if (replaced !== undefined) end(studio, replaced.key);
  studio.queries.setState({
    layers: replaced === undefined ? [...layers, layer] : layers.map((one) => (one === replaced ? layer : one)),
    active: layer.key,
  });
  void answer(studio, layer.key);
}

/** Gives up what is under way of a layer. */
function end(studio: Studio, key: number): void {
  mapOf(underWay, studio).get(key)?.abort();
  mapOf(underWay, studio).delete(key);
}

/** Asks the layer as it is now: one that the project keeps for what is stored, another anew. */
async function answer(studio: Studio, key: number): Promise<void> {
  end(studio, key);
  const layer = layerOf(studio, key);
  const splatsId = studio.session.getState().project?.currentSplatsId ?? null;
  if (layer === undefined || splatsId === null) return;
  const abort = new AbortController();
  mapOf(underWay, studio).set(key, abort);
  const { signal } = abort;
  const { fieldId } = studio.queries.getState();
  const field = fieldId === null ? {} : { fieldId };
  setLayer(studio, key, { busy: true, failure: null });
  const startedAt = performance.now();
  const { text, negatives, scale, threshold, query } = layer;
  try {
    const found =
      query === null
        ? await studio.transport.call(
            'queries.ask',
            { splatsId, ...field, text, negatives: [...negatives], scale, threshold },
            { signal },
          )
        : await studio.transport.call('queries.answer', { queryId: query.id, splatsId, ...field }, { signal });
    if (signal.aborted) return;
    const milliseconds = performance.now() - startedAt;
    setLayer(studio, key, { ...found, frames: null, busy: false, milliseconds });
    // The same question, asked again beside itself.
    const twin = studio.queries.getState().layers.find((one) => one.key !== key && one.query?.id === found.query.id);
    if (twin !== undefined) closeQuery(studio, twin.key);
    const call = { queryId: found.query.id, splatsId, ...field };
    if (!found.answer.found) return;
    const frames = await studio.transport.call('queries.frames', call, { signal });
    if (!signal.aborted) setLayer(studio, key, { frames });
  } catch (error) {
    if (signal.aborted || isAbort(error)) return;
    // Without its best frames an answer is an answer still.
    if (layerOf(studio, key)?.busy === true)
      setLayer(studio, key, { busy: false, answer: null, failure: failureOf(error) });
    else studio.toastFailure(failureOf(error));
  }
}

export function retryQuery(studio: Studio, key: number): void {
  void answer(studio, key);
}

export function closeQuery(studio: Studio, key: number): void {
  end(studio, key);
  studio.queries.setState(({ layers, active }) => {
    const index = layers.findIndex((layer) => layer.key === key);
    const rest = layers.filter((layer) => layer.key !== key);
    return { layers: rest, active: active === key ? (rest[Math.min(index, rest.length - 1)]?.key ?? null) : active };
  });
}

export function showQuery(studio: Studio, key: number, visible: boolean): void {
  setLayer(studio, key, { visible });
}

/** Another question in the same words: asked again. Of a saved query that is an edit. */
export function changeQuery(studio: Studio, key: number, change: Partial<Pick<Settings, 'negatives' | 'scale'>>): void {
  const layer = layerOf(studio, key);
  if (layer === undefined) return;
  setLayer(studio, key, change);
  if (layer.query === null) {
    void answer(studio, key);
    return;
  }
  const { negatives, scale } = { ...layer, ...change };
  const queryId = layer.query.id;
  void studio.attempt(async () => {
    const { query } = await studio.transport.call('queries.change', {
      queryId,
      change: { negatives: [...negatives], scale },
    });
    if (layerOf(studio, key)?.query?.id !== queryId) return;
    setLayer(studio, key, { query });
    await answer(studio, key);
  });
}

/** What is drawn changes at once; the project gets it when the slider rests. */
export function setThreshold(studio: Studio, key: number, threshold: number): void {
  setLayer(studio, key, { threshold });
  const timers = mapOf(storing, studio);
  clearTimeout(timers.get(key));
  timers.set(
    key,
    setTimeout(() => {
      const layer = layerOf(studio, key);
      const { query } = layer ?? {};
      if (layer === undefined || query === undefined || query === null || query.threshold === layer.threshold) return;
      const change = { threshold: layer.threshold };
      void studio.attempt(async () => {
        const changed = await studio.transport.call('queries.change', { queryId: query.id, change });
        if (layerOf(studio, key)?.query?.id === query.id) setLayer(studio, key, { query: changed.query });
      });
    }, STORE_AFTER_MS),
  );
}

export function saveQuery(studio: Studio, query: QueryView, saved: boolean): void {
  void studio.attempt(() => studio.transport.call('queries.change', { queryId: query.id, change: { saved } }));
}

export function removeQueries(studio: Studio, queries: readonly QueryView[]): void {
  if (queries.length === 0) return;
  void studio.attempt(() => studio.transport.call('queries.remove', { ids: queries.map(({ id }) => id) }));
}

/** Another field answers all that is open. @param fieldId null: the newest */
export function chooseField(studio: Studio, fieldId: number | null): void {
  studio.queries.setState({ fieldId });
  for (const { key } of studio.queries.getState().layers) void answer(studio, key);
}

/**
 * Everything goes to an object of an answer: the selection, the frame that shows it best, and the 3D camera.
 * @param frameId absent: the best of the answer's frames, or the current one
 */
export function jumpToObject(studio: Studio, layer: QueryLayer, objectId: number, frameId?: string): void {
  const best = frameId ?? layer.frames?.objects.find(({ id }) => id === objectId)?.frameIds[0];
  goTo(studio, best);
  studio.selectObjects([objectId]);
  // The Scene follows the frame first, then looks at what is selected.
  studio.handlers.get('scene.focus')?.();
}

/** To a frame by its id; nothing where it is not of the current capture. */
export function goTo(studio: Studio, frameId: string | undefined): void {
  const { frames } = studio.records.getState();
  const index = frames.status === 'ready' && frameId !== undefined ? frames.value.ids.indexOf(frameId) : -1;
  if (index >= 0) studio.goToFrame(index);
}

/**
 * Keeps open queries in step with the project until the returned function is called: those that undo brought to another state are
 * asked again, those that are gone are closed, and another model answers anew.
 */
export function runQueries(studio: Studio): () => void {
  const stopRecords = studio.records.subscribe(({ queries }, before) => {
    if (queries === before.queries || queries.status !== 'ready') return;
    for (const layer of studio.queries.getState().layers) {
      const { query, key } = layer;
      if (query === null) continue;
      const now = queries.value.find(({ id }) => id === query.id);
      if (now === undefined) closeQuery(studio, key);
      else if (JSON.stringify(now) !== JSON.stringify(query)) {
        const other = JSON.stringify([now.negatives, now.scale]) !== JSON.stringify([layer.negatives, layer.scale]);
        const { negatives, scale, threshold } = now;
        // While a slider moves, what it shows is newer than what is stored.
        const moved = query.threshold !== now.threshold && layer.threshold === query.threshold;
        setLayer(studio, key, { query: now, negatives, scale, ...(moved && { threshold }) });
        if (other) void answer(studio, key);
      }
    }
  });
  let shown = modelOf(studio);
  const stopSession = studio.session.subscribe(() => {
    const now = modelOf(studio);
    if (now === shown) return;
    const [folder] = shown.split('\n');
    shown = now;
    for (const { key } of studio.queries.getState().layers) end(studio, key);
    if (now.split('\n')[0] !== folder) studio.queries.setState({ layers: [], active: null, fieldId: null });
    else {
      studio.queries.setState({ fieldId: null });
      for (const { key } of studio.queries.getState().layers) {
        setLayer(studio, key, { answer: null, frames: null });
        void answer(studio, key);
      }
    }
  });
  return () => {
    stopRecords();
    stopSession();
    for (const { key } of studio.queries.getState().layers) end(studio, key);
    for (const timer of mapOf(storing, studio).values()) clearTimeout(timer);
  };
}

/** Project and capture; model. Queries are of a capture, answers of a model. */
function modelOf({ session }: Studio): string {
  const { project } = session.getState();
  return `${project?.folder ?? ''} ${project?.currentCaptureId ?? ''}\n${project?.currentSplatsId ?? ''}`;
}
