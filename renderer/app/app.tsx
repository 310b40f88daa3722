import { useEffect } from 'react';
import { Dialogs } from '../dialogs/index.ts';
import { useSession, useStudio } from '../state/index.ts';
import { SegmentBar } from '../tools/index.ts';
import { TooltipLayer } from '../ui/index.ts';
import { ConnectionBanner } from './connection-banner.tsx';
import { StartScreen } from './start-screen.tsx';
import { Toasts } from './toasts.tsx';
import { TopBar } from './top-bar.tsx';
import { Workspace } from './workspace.tsx';

export function App() {
  const studio = useStudio();
  const folder = useSession((state) => state.project?.folder ?? null);
  const name = useSession((state) => state.project?.name ?? null);
  useEffect(() => {
    document.title = name === null ? 'Liftscope' : `${name} - Liftscope`;
  }, [name]);
  useEffect(() => {
    const over = (event: DragEvent) => {
      if (event.dataTransfer?.types.includes('Files') === true) event.preventDefault();
    };
    // A page is not told where a dropped file lies, and without this it would leave the studio to show the file.
    const drop = (event: DragEvent) => {
      if (event.dataTransfer?.types.includes('Files') !== true) return;
      event.preventDefault();
      studio.toast('info', 'Dropped files cannot be read from here.', 'Use Import or Open and choose the folder.');
    };
    window.addEventListener('dragover', over);
    window.addEventListener('drop', drop);
    return () => {
      window.removeEventListener('dragover', over);
      window.removeEventListener('drop', drop);
    };
  }, [studio]);
  return (
    <div className="app">
      <TopBar />
      {folder === null ? (
        <StartScreen />
      ) : (
        <div className="app-work">
          <SegmentBar />
          <Workspace key={folder} />
        </div>
      )}
      <ConnectionBanner />
      <Dialogs />
      <Toasts />
      <TooltipLayer />
    </div>
  );
}
