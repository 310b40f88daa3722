import type { DialogState } from '../state/index.ts';
import { useInterface } from '../state/index.ts';
import { AboutDialog } from './about.tsx';
import { ExportDialog } from './export.tsx';
import { FileBrowser } from './file-browser.tsx';
import { ImportDialog } from './import/index.ts';
import { LayoutsDialog } from './layouts.tsx';
import { LiftDialog } from './lift.tsx';
import { Palette } from './palette.tsx';
import { RelinkDialog } from './relink.tsx';
import { SegmentDialog } from './segment-dialog.tsx';
import { ShortcutSheet } from './shortcuts.tsx';
import { TrackDialog } from './track.tsx';
import { TrainDialog } from './train/index.ts';
import { TrainLanguageDialog } from './train-language.tsx';
import './dialogs.css';

function DialogOf({ dialog }: { dialog: DialogState }) {
  switch (dialog.kind) {
    case 'palette':
      return <Palette />;
    case 'shortcuts':
      return <ShortcutSheet />;
    case 'about':
      return <AboutDialog />;
    case 'files':
      return <FileBrowser request={dialog.request} settle={dialog.settle} />;
    case 'import':
      return <ImportDialog path={dialog.path} />;
    case 'train':
      return <TrainDialog />;
    case 'lift':
      return <LiftDialog />;
    case 'segment':
      return <SegmentDialog />;
    case 'train-language':
      return <TrainLanguageDialog />;
    case 'track':
      return <TrackDialog />;
    case 'export':
      return <ExportDialog />;
    case 'layouts':
      return <LayoutsDialog />;
    case 'relink':
      return <RelinkDialog captureId={dialog.captureId} />;
    default:
      return dialog satisfies never;
  }
}

/** Every open dialog, the topmost last: each is modal over those before it. */
export function Dialogs() {
  const dialogs = useInterface((state) => state.dialogs);
  return dialogs.map((dialog) => <DialogOf key={dialog.kind} dialog={dialog} />);
}
