import { EmptyState } from '../../ui/index.ts';

export function MetricsPanel() {
  return (
    <div className="ui-panel">
      <EmptyState icon="chart" title="Metrics" />
    </div>
  );
}
