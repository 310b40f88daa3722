import { useSession } from '../state/index.ts';
import { TooltipLayer } from '../ui/index.ts';
import { Workspace } from './workspace.tsx';

export function App() {
  const project = useSession((state) => state.project?.folder ?? null);
  return (
    <div className="app">
      <header />
      <div />
      {project !== null && <Workspace key={project} />}
      <TooltipLayer />
    </div>
  );
}
