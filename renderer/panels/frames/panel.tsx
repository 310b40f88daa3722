import { EmptyState } from '../../ui/index.ts';

export function FramesPanel() {
  return (
    <div className="ui-panel">
      <EmptyState icon="image" title="Frames" />
    </div>
  );
}
