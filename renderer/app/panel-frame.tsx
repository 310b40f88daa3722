import { Component, type ComponentType, type ReactNode, Suspense } from 'react';
import { failureOf } from '../state/index.ts';
import { Button, ErrorState, LoadingState } from '../ui/index.ts';

interface BoundaryProps {
  title: string;
  children: ReactNode;
}

/** A panel that throws says so in its own place; the others go on. */
class PanelBoundary extends Component<BoundaryProps, { error: unknown }> {
  override state: { error: unknown } = { error: null };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    if (this.state.error === null) return this.props.children;
    const { message } = failureOf(this.state.error);
    return (
      <div className="ui-panel">
        <ErrorState
          failure={{ code: 'internal', message: `${this.props.title} stopped working.`, hint: message }}
          actions={<Button onClick={() => this.setState({ error: null })}>Show it again</Button>}
        />
      </div>
    );
  }
}

export function PanelFrame({ title, component: Panel }: { title: string; component: ComponentType }) {
  return (
    <section aria-label={title} style={{ height: '100%' }}>
      <PanelBoundary title={title}>
        <Suspense fallback={<LoadingState label={`Loading ${title}`} />}>
          <Panel />
        </Suspense>
      </PanelBoundary>
    </section>
  );
}
