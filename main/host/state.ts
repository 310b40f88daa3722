/** The open project as the page sees it. */
import { basename } from 'node:path';
import type { CaptureSummary, FrameColumns, PreparedCapture, ProjectState } from '../../contract/index.ts';
import type { Project, StoredCapture } from '../project/index.ts';

export function projectState(project: Project): ProjectState {
  let stored: StoredCapture | undefined;
  try {
    stored = project.captures.current();
  } catch {
    stored = undefined;
  }
  const splats = stored === undefined ? undefined : project.splats.latest(stored.id);
  return {
    folder: project.folder,
    name: basename(project.folder).replace(/\.liftscope$/, ''),
    revision: 0,
    savedAt: Date.now(),
    captures: stored === undefined ? [] : [summaryOf(stored)],
    currentCaptureId: stored?.id ?? null,
    splats:
      splats === undefined
        ? []
        : [{ ...splats, psnr: null, ssim: null }].map(
            ({ id, captureId, jobId, gaussians, shDegree, psnr, ssim, createdAt }) => ({
              id,
              captureId,
              jobId,
              gaussians,
              shDegree,
              psnr,
              ssim,
              createdAt,
            }),
          ),
    currentSplatsId: splats?.id ?? null,
    objects: 0,
    observations: 0,
    undo: null,
    redo: null,
  };
}

function summaryOf({ id, capture, importedAt }: StoredCapture): CaptureSummary {
  const holdoutFrames = capture.frames.filter((frame) => frame.role === 'holdout').length;
  return {
    id,
    name: capture.name,
    sourcePath: capture.sourcePath,
    format: capture.format,
    frames: capture.frames.length,
    trainFrames: capture.frames.length - holdoutFrames,
    holdoutFrames,
    points: capture.points.count,
    bounds: capture.bounds,
    missing: [],
    missingCount: 0,
    warnings: capture.warnings.slice(0, 100),
    warningCounts: capture.warningCounts as Record<string, number>,
    importedAt,
  };
}

export function frameColumns(captureId: number, capture: PreparedCapture): FrameColumns {
  const cameras = new Map(capture.cameras.map((camera) => [camera.id, camera.params]));
  const columns: FrameColumns = {
    captureId,
    ids: [],
    names: [],
    poses: [],
    intrinsics: [],
    holdout: [],
    timestampsSeconds: [],
  };
  for (const frame of capture.frames) {
    const { fx = 0, fy = 0, cx = 0, cy = 0 } = cameras.get(frame.cameraId) ?? {};
    columns.ids.push(frame.id);
    columns.names.push(frame.name);
    columns.poses.push(...frame.cameraFromWorld.quaternion, ...frame.cameraFromWorld.translation);
    columns.intrinsics.push(frame.width, frame.height, fx, fy, cx, cy);
    columns.holdout.push(frame.role === 'holdout' ? 1 : 0);
    columns.timestampsSeconds.push(frame.timestampSeconds ?? null);
  }
  return columns;
}
