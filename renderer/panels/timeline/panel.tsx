import { EmptyState } from '../../ui/index.ts';

export function TimelinePanel() {
  return (
    <div className="ui-panel">
      <EmptyState icon="timeline" title="Timeline" />
    </div>
  );
}
