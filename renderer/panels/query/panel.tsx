import { EmptyState } from '../../ui/index.ts';

export function QueryPanel() {
  return (
    <div className="ui-panel">
      <EmptyState icon="search" title="Query" />
    </div>
  );
}
