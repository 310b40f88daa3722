import { useSession, useStudio } from '../state/index.ts';
import { Dialog } from '../ui/index.ts';

export function AboutDialog() {
  const studio = useStudio();
  const app = useSession((state) => state.app);
  return (
    <Dialog title="About Liftscope" onClose={() => studio.closeDialog()} width={420}>
      <dl className="facts">
        <dt>Version</dt>
        <dd>{app?.version ?? '–'}</dd>
        <dt>Computes on</dt>
        <dd>{app?.backend.name ?? '–'}</dd>
        <dt>Why</dt>
        <dd>{app?.backend.detail ?? '–'}</dd>
        <dt>System</dt>
        <dd>{app?.platform ?? '–'}</dd>
        <dt>Licence</dt>
        <dd>Apache-2.0</dd>
      </dl>
      <p className="dialog-paragraph">Everything runs on this machine. Nothing is sent anywhere.</p>
    </Dialog>
  );
}
