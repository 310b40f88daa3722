import { type Command, Option } from 'commander';
import { LiftscopeError } from '../../contract/index.ts';
import type { TrackExportFormat } from '../tracks/index.ts';
import { objectId } from './amodal.ts';
import type { Invocation } from './common.ts';

interface ExportFlags {
  readonly format: 'ply' | TrackExportFormat;
  readonly out: string;
  readonly object?: number;
  readonly frame?: string;
}

/** `export DIR --format NAME --out PATH` */
export function addExport(verb: (usage: string, description: string) => Command, invocation: Invocation): void {
  const { output, interrupts } = invocation;
  const { signal } = interrupts;
  verb('export <dir>', 'Write the newest splats, or the tracks with all corrections, in an exchange format')
    .addOption(
      new Option('--format <name>', 'ply: splats in the common 3DGS layout; the others: tracks')
        .choices(['ply', 'mot', 'mots', 'visor', 'json'])
        .default('ply'),
    )
    .requiredOption('--out <path>', 'file to write; visor: a folder')
    .option('--object <id>', 'ply: the splats of this object alone, which amodal makes', objectId)
    .option('--frame <name>', 'with --object: as it stands in this frame (default: where it stands longest)')
    .action(async (dir: string, { format, out, object, frame }: ExportFlags) => {
      if (object !== undefined ? format !== 'ply' : frame !== undefined) {
        throw new LiftscopeError({
          code: 'usage',
          message: object === undefined ? '--frame needs --object.' : `--object goes with --format ply, not ${format}.`,
        });
      }
      const { openProject } = await import('../project/index.ts');
      using project = await openProject(dir);
      if (format !== 'ply') {
        const { exportProjectTracks } = await import('../tracks/index.ts');
        const report = await exportProjectTracks(project, { format, outputPath: out, signal });
        output.result(report, `Wrote ${report.segments} segments of ${report.frames} frames as ${format} to ${out}`);
        return;
      }
      const { exportSplatPly } = await import('../export/index.ts');
      if (object !== undefined) {
        const { objectSplatsOf } = await import('../tracks/index.ts');
        const { interval, intervals, path } = objectSplatsOf(project, object, frame);
        const { gaussians } = await exportSplatPly(path, out, { signal });
        const { from, to } = interval;
        output.result(
          { outputPath: out, format, gaussians, object, from, to, intervals },
          `Wrote ${out} (${gaussians} Gaussians of object ${object}, one of ${intervals} places where it stands)`,
        );
        return;
      }
      const { latestSplats } = await import('../jobs/index.ts');
      const splats = latestSplats(project, project.captures.current().id);
      const { gaussians } = await exportSplatPly(project.artifacts.path(splats.artifact), out, {
        signal,
        onProgress: (done, total) => output.progress({ label: 'export', done, total }),
      });
      output.result({ outputPath: out, format, gaussians }, `Wrote ${out} (${gaussians} Gaussians)`);
    });
}
