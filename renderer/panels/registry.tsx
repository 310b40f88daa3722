import { type ComponentType, lazy } from 'react';
import type { PanelId } from '../state/index.ts';
import type { IconName } from '../ui/index.ts';
import { EmbeddingsPanel } from './embeddings/index.ts';
import { FramesPanel } from './frames/index.ts';
import { InspectorPanel } from './inspector/index.ts';
import { JobsPanel } from './jobs/index.ts';
import { MetricsPanel } from './metrics/index.ts';
import { ModelsPanel } from './models/index.ts';
import { ObjectsPanel } from './objects/index.ts';
import { QueryPanel } from './query/index.ts';
import { TimelinePanel } from './timeline/index.ts';

export interface PanelDefinition {
  readonly id: PanelId;
  readonly title: string;
  readonly icon: IconName;
  readonly component: ComponentType;
}

/** Three.js and Spark are most of the program: they load with the first Scene panel, not with the window. */
const ScenePanel = lazy(async () => ({ default: (await import('./scene/index.ts')).ScenePanel }));

export const panels: readonly PanelDefinition[] = [
  { id: 'frames', title: 'Frames', icon: 'image', component: FramesPanel },
  { id: 'scene', title: 'Scene', icon: 'cube', component: ScenePanel },
  { id: 'timeline', title: 'Timeline', icon: 'timeline', component: TimelinePanel },
  { id: 'objects', title: 'Objects', icon: 'list', component: ObjectsPanel },
  { id: 'inspector', title: 'Inspector', icon: 'info', component: InspectorPanel },
  { id: 'jobs', title: 'Jobs', icon: 'bars', component: JobsPanel },
  { id: 'metrics', title: 'Metrics', icon: 'chart', component: MetricsPanel },
  { id: 'embeddings', title: 'Embeddings', icon: 'points', component: EmbeddingsPanel },
  { id: 'query', title: 'Query', icon: 'search', component: QueryPanel },
  { id: 'models', title: 'Models', icon: 'layers', component: ModelsPanel },
];
