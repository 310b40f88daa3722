import { type Command, Option } from 'commander';
import type { TrackExportFormat } from '../tracks/index.ts';
import type { Invocation } from './common.ts';

interface ExportFlags {
  readonly format: 'ply' | TrackExportFormat;
  readonly out: string;
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
    .action(async (dir: string, { format, out }: ExportFlags) => {
      const { openProject } = await import('../project/index.ts');
      using project = await openProject(dir);
      if (format !== 'ply') {
        const { exportProjectTracks } = await import('../tracks/index.ts');
        const report = await exportProjectTracks(project, { format, outputPath: out, signal });
        output.result(report, `Wrote ${report.segments} segments of ${report.frames} frames as ${format} to ${out}`);
        return;
      }
      const { latestSplats } = await import('../jobs/index.ts');
      const { exportSplatPly } = await import('../export/index.ts');
      const splats = latestSplats(project, project.captures.current().id);
      const { gaussians } = await exportSplatPly(project.artifacts.path(splats.artifact), out, {
        signal,
        onProgress: (done, total) => output.progress({ label: 'export', done, total }),
      });
      output.result({ outputPath: out, format, gaussians }, `Wrote ${out} (${gaussians} Gaussians)`);
    });
}
