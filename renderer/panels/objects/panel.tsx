import { EmptyState } from '../../ui/index.ts';

export function ObjectsPanel() {
  return (
    <div className="ui-panel">
      <EmptyState icon="list" title="Objects" />
    </div>
  );
}
