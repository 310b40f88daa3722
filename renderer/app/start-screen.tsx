import { createProject, openProject } from '../commands/index.ts';
import { useSession, useStudio } from '../state/index.ts';
import { Button, ErrorState, formatAgo, Icon, IconButton, LoadingState } from '../ui/index.ts';
import { Logo } from './logo.tsx';

function Recent() {
  const studio = useStudio();
  const recent = useSession((state) => state.app?.recent ?? []);
  if (recent.length === 0) return <p className="start-none">Projects that you open appear here.</p>;
  return (
    <ul className="start-recent">
      {recent.map(({ folder, name, openedAt, exists }) => (
        <li key={folder}>
          <button type="button" disabled={!exists} onClick={() => void openProject(studio, folder)}>
            <Icon name="cube" size={20} />
            <span className="start-recent-text">
              <strong>{name}</strong>
              <span>{exists ? folder : `Not found: ${folder}`}</span>
            </span>
            <time dateTime={new Date(openedAt).toISOString()}>{formatAgo(openedAt, Date.now())}</time>
          </button>
          <IconButton
            icon="close"
            size="small"
            label={`Remove ${name} from this list`}
            onClick={() =>
              void studio.attempt(async () => {
                await studio.transport.call('app.forgetRecent', { folder });
                studio.session.setState(({ app }) => ({
                  app: app === null ? null : { ...app, recent: app.recent.filter((entry) => entry.folder !== folder) },
                }));
              })
            }
          />
        </li>
      ))}
    </ul>
  );
}

/** No project is open: make one, open one, or go on where one left off. */
export function StartScreen() {
  const studio = useStudio();
  const loaded = useSession((state) => state.app !== null);
  const failure = useSession((state) => state.failure);
  const version = useSession((state) => state.app?.version ?? '');
  if (!loaded)
    return (
      <main className="start" aria-label="Start">
        {failure === null ? (
          <LoadingState label="Waiting for the studio" />
        ) : (
          <ErrorState
            failure={failure}
            actions={
              <Button variant="primary" onClick={() => window.location.reload()}>
                Try again
              </Button>
            }
          />
        )}
      </main>
    );
  return (
    <main className="start" aria-label="Start">
      <div className="start-card">
        <div className="start-title">
          <Logo size={44} />
          <div>
            <h1>Liftscope</h1>
            <p>Objects in 3D from video. Version {version}</p>
          </div>
        </div>
        <div className="start-columns">
          <section aria-labelledby="start-begin">
            <h2 id="start-begin">Start</h2>
            <button type="button" className="start-action" data-primary="" onClick={() => void createProject(studio)}>
              <Icon name="plus" size={18} />
              <span>
                <strong>New project</strong>
                <span>A folder that keeps captures, models and edits</span>
              </span>
            </button>
            <button type="button" className="start-action" onClick={() => void openProject(studio)}>
              <Icon name="folder" size={18} />
              <span>
                <strong>Open project</strong>
                <span>A folder that ends in .liftscope</span>
              </span>
            </button>
            <p className="start-hint">
              Reads COLMAP (bin and txt), transforms.json of nerfstudio and instant-ngp, EPIC-Fields JSON and splat PLY.
            </p>
            <p className="start-hint">
              No capture at hand? <code className="selectable">npm run demo</code> makes a room with known truth and
              trains it; open the project it writes.
            </p>
          </section>
          <section aria-labelledby="start-recent">
            <h2 id="start-recent">Recent</h2>
            <Recent />
          </section>
        </div>
      </div>
    </main>
  );
}
