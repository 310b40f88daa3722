import type { CaptureSummary, ProjectState, SplatsSummary } from '../../../contract/index.ts';
import { runCommand } from '../../commands/index.ts';
import { useStudio } from '../../state/index.ts';
import { Badge, Button, formatAgo, formatCount, formatFixed, IconButton, Note, plural } from '../../ui/index.ts';
import { HistorySection } from './history.tsx';
import { Fact, Path, Section, useNow } from './parts.tsx';

export function ProjectInspector({ project }: { project: ProjectState }) {
  const studio = useStudio();
  const now = useNow();
  return (
    <>
      <div className="inspector-title">
        <h2 className="selectable">{project.name}</h2>
      </div>
      <dl className="inspector-facts">
        <Fact name="Folder" copy={project.folder}>
          <Path path={project.folder} />
        </Fact>
        {project.savedAt > 0 && <Fact name="Saved">{formatAgo(project.savedAt, now)}</Fact>}
        <Fact name="Objects">{formatCount(project.objects)}</Fact>
        <Fact name="Observations">{formatCount(project.observations)}</Fact>
      </dl>
      <Section
        title={project.captures.length > 1 ? 'Captures' : 'Capture'}
        actions={
          <IconButton
            icon="import"
            size="small"
            label="Import capture"
            onClick={() => runCommand(studio, 'capture.import')}
          />
        }
      >
        {project.captures.length === 0 && <p className="inspector-note">Nothing was imported yet.</p>}
        {project.captures.map((capture) => (
          <Capture
            key={capture.id}
            capture={capture}
            current={capture.id === project.currentCaptureId}
            several={project.captures.length > 1}
            now={now}
          />
        ))}
      </Section>
      {project.captures.length > 0 && (
        <Section
          title={project.splats.length > 1 ? 'Models' : 'Model'}
          actions={
            <IconButton
              icon="train"
              size="small"
              label="Train splats"
              onClick={() => runCommand(studio, 'train.splats')}
            />
          }
        >
          {project.splats.length === 0 && <p className="inspector-note">No splats were trained yet.</p>}
          {project.splats.map((splats) => (
            <Model
              key={splats.id}
              splats={splats}
              current={splats.id === project.currentSplatsId}
              several={project.splats.length > 1}
              now={now}
            />
          ))}
        </Section>
      )}
      <HistorySection revision={project.revision} now={now} />
    </>
  );
}

interface CardProps {
  current: boolean;
  several: boolean;
  now: number;
}

function Capture({ capture, current, several, now }: CardProps & { capture: CaptureSummary }) {
  const studio = useStudio();
  const { id } = capture;
  const more = Object.values(capture.warningCounts).reduce((sum, count) => sum + count, 0) - capture.warnings.length;
  return (
    <article className="inspector-card" aria-label={capture.name}>
      <header>
        <h4 className="selectable">{capture.name}</h4>
        {several &&
          (current ? (
            <Badge tone="accent">Shown</Badge>
          ) : (
            <Button
              size="small"
              onClick={() => void studio.attempt(() => studio.transport.call('project.select', { captureId: id }))}
            >
              Show
            </Button>
          ))}
      </header>
      <dl className="inspector-facts">
        <Fact name="Format">{capture.format}</Fact>
        <Fact name="Frames">
          {formatCount(capture.frames)}
          <span className="inspector-note"> ({formatCount(capture.holdoutFrames)} held out)</span>
        </Fact>
        <Fact name="Points">{formatCount(capture.points)}</Fact>
        <Fact name="From" copy={capture.sourcePath}>
          <Path path={capture.sourcePath} />
        </Fact>
        <Fact name="Imported">{formatAgo(capture.importedAt, now)}</Fact>
      </dl>
      {capture.missingCount > 0 && (
        <Note tone="warn">
          <p>
            {plural(capture.missingCount, 'photo')} {capture.missingCount === 1 ? 'is' : 'are'} no longer there.
          </p>
          <Button size="small" onClick={() => studio.openDialog({ kind: 'relink', captureId: id })}>
            Find moved photos…
          </Button>
        </Note>
      )}
      {capture.warnings.length > 0 && (
        <details className="inspector-warnings">
          <summary>{plural(capture.warnings.length + Math.max(0, more), 'warning')} of the import</summary>
          <ul className="selectable">
            {capture.warnings.map((warning, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: the list never changes after the import
              <li key={index}>
                {warning.message}
                {warning.file !== undefined && <span className="inspector-note"> {warning.file}</span>}
              </li>
            ))}
            {more > 0 && <li className="inspector-note">and {formatCount(more)} more of the same kinds</li>}
          </ul>
        </details>
      )}
    </article>
  );
}

function Model({ splats, current, several, now }: CardProps & { splats: SplatsSummary }) {
  const studio = useStudio();
  const { id } = splats;
  return (
    <article className="inspector-card" aria-label={`Model ${id}`}>
      <header>
        <h4>Model {id}</h4>
        {several &&
          (current ? (
            <Badge tone="accent">Shown</Badge>
          ) : (
            <Button
              size="small"
              onClick={() => void studio.attempt(() => studio.transport.call('project.select', { splatsId: id }))}
            >
              Show
            </Button>
          ))}
      </header>
      <dl className="inspector-facts">
        <Fact name="Gaussians">{formatCount(splats.gaussians)}</Fact>
        <Fact name="SH degree">{splats.shDegree}</Fact>
        <Fact name="PSNR">{formatFixed(splats.psnr, 2, 'dB')}</Fact>
        <Fact name="SSIM">{formatFixed(splats.ssim, 4)}</Fact>
        <Fact name="Made">{formatAgo(splats.createdAt, now)}</Fact>
      </dl>
      {current && (
        <div className="inspector-links">
          <Button size="small" icon="chart" onClick={() => runCommand(studio, 'train.evaluate')}>
            Measure quality
          </Button>
          <Button size="small" icon="export" onClick={() => runCommand(studio, 'splats.export')}>
            Export…
          </Button>
        </div>
      )}
    </article>
  );
}
