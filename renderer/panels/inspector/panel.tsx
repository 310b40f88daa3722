import { EmptyState } from '../../ui/index.ts';

export function InspectorPanel() {
  return (
    <div className="ui-panel">
      <EmptyState icon="info" title="Inspector" />
    </div>
  );
}
