import { EmptyState } from '../../ui/index.ts';

export function ScenePanel() {
  return (
    <div className="ui-panel">
      <EmptyState icon="cube" title="Scene" />
    </div>
  );
}
