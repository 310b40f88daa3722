import { EmptyState } from '../../ui/index.ts';

export function JobsPanel() {
  return (
    <div className="ui-panel">
      <EmptyState icon="bars" title="Jobs" />
    </div>
  );
}
