/** Rows of the project as the page sees them. */
import type { CaptureSummary, FrameMetrics, SplatsSummary } from '../../contract/index.ts';
import type { CaptureOverview, Project, SplatsRow } from '../project/index.ts';

export interface MissingImages {
  readonly missing: readonly string[];
  readonly missingCount: number;
}

/** Warnings that travel with every state; the counts go on. */
const MAX_WARNINGS = 100;

type MetricRow = ReturnType<Project['splats']['metrics']>[number];

export function captureSummary(capture: CaptureOverview, images: MissingImages | undefined): CaptureSummary {
  const { id, name, sourcePath, format, frames, trainFrames, holdoutFrames, points, bounds, importedAt } = capture;
  return {
    id,
    name,
    sourcePath,
    format,
    frames,
    trainFrames,
    holdoutFrames,
    points: points.count,
    bounds,
    missing: [...(images?.missing ?? [])],
    missingCount: images?.missingCount ?? 0,
    warnings: capture.warnings.slice(0, MAX_WARNINGS),
    warningCounts: Object.fromEntries(Object.entries(capture.warningCounts).map(([code, count]) => [code, count ?? 0])),
    importedAt,
  };
}

export function splatsSummary(row: SplatsRow, quality: Pick<SplatsSummary, 'psnr' | 'ssim'>): SplatsSummary {
  const { id, captureId, jobId, gaussians, shDegree, createdAt } = row;
  return { id, captureId, jobId, gaussians, shDegree, ...quality, createdAt };
}

/** Per frame: what an evaluation of the finished model says (it has no iteration), else the training's last word. */
export function frameMetrics(rows: readonly MetricRow[], held: ReadonlySet<string>): FrameMetrics['frames'] {
  const byFrame = new Map<string, Map<string, MetricRow>>();
  for (const row of rows) {
    if (row.frameName === null) continue;
    const own = byFrame.get(row.frameName) ?? new Map<string, MetricRow>();
    byFrame.set(row.frameName, own);
    const known = own.get(row.name);
    if (known === undefined || rank(row) >= rank(known)) own.set(row.name, row);
  }
  const frames: FrameMetrics['frames'] = [];
  for (const [name, own] of byFrame) {
    const psnr = own.get('psnr')?.value;
    const ssim = own.get('ssim')?.value;
    if (psnr !== undefined && ssim !== undefined) frames.push({ name, psnr, ssim, holdout: held.has(name) });
  }
  return frames;
}

function rank(row: MetricRow): number {
  return row.iteration ?? Number.POSITIVE_INFINITY;
}
