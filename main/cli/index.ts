import { Command, CommanderError, Option } from 'commander';
import { addAmodal } from './amodal.ts';
import { addBenchmarks } from './bench.ts';
import { addComputeOptions, type ComputeFlags, type Invocation, present, showEvent } from './common.ts';
import { addDemo } from './demo.ts';
import { diagnose, formatDiagnosis } from './doctor.ts';
import { EXIT_CODE_HELP, EXIT_OK, exitCodeOf } from './exit-codes.ts';
import { addExport } from './export.ts';
import { toFailure } from './failures.ts';
import { watchInterrupts } from './interrupts.ts';
import { addLanguage } from './language.ts';
import { addLift, formatLiftQuality } from './lift.ts';
import { addMasks, addSegment } from './masks.ts';
import { addModels } from './models.ts';
import { formatBytes, formatDuration, formatQuality, formatTruth, Output, type Streams } from './output.ts';
import { addTrainingParameters, givenTrainingParameters } from './parameters.ts';
import { addScene } from './scene.ts';
import { addStudio } from './studio.ts';
import { addTrack, addTracks } from './track.ts';
import { naturalNumber, positiveNumber } from './values.ts';

/** Runs one verb. Never throws; returns the exit code. */
export async function main(argv: readonly string[], streams: Streams = process): Promise<number> {
  const output = new Output(streams, argv.includes('--json'));
  using interrupts = watchInterrupts(output);
  ignoreClosedPipes();
  using _net = catchStrayErrors(output);
  try {
    await buildProgram({ output, interrupts }, streams).parseAsync([...argv], { from: 'user' });
    return EXIT_OK;
  } catch (error) {
    // Commander ends --help and --version, which have been printed, by an error too.
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT_OK;
    const failure = toFailure(error);
    output.failure(failure);
    return exitCodeOf(failure.code);
  }
}

function buildProgram(invocation: Invocation, streams: Streams): Command {
  const { output, interrupts } = invocation;
  const program = new Command('liftscope')
    .description(
      'From a folder of posed photos to a trained Gaussian-splat scene with measured quality, on this machine alone.',
    )
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void streams.stdout.write(text),
      // Failures, those of parsing among them, are reported in one place.
      writeErr: () => undefined,
      outputError: () => undefined,
    })
    .addHelpText('after', EXIT_CODE_HELP);
  const verb = (usage: string, description: string): Command =>
    program
      .command(usage)
      .description(description)
      .option('--json', 'print one JSON document on stdout and nothing else there');

  verb('doctor', 'What this machine has, what it is good for, what to do about what is missing').action(async () => {
    const diagnosis = await diagnose(interrupts.signal);
    output.result(diagnosis, formatDiagnosis(diagnosis));
  });

  verb('import <path>', 'Read a capture (COLMAP, transforms.json, EPIC-Fields JSON) into a project')
    .requiredOption('--project <dir>', 'project folder; made when there is none')
    .option('--scale <factor>', 'resize the images by this factor, at most 1', positiveNumber)
    .option('--images <folder>', 'where the images are, when they are not inside the capture')
    .option(
      '--holdout <rule>',
      "frames kept for evaluation: N for every Nth by name, 0 for none, or names with commas between (default: the capture's own split)",
    )
    .action(async (path: string, options: { project: string; scale?: number; holdout?: string; images?: string }) => {
      const { importIntoProject } = await import('../jobs/index.ts');
      const summary = await importIntoProject(path, {
        projectFolder: options.project,
        scale: options.scale,
        holdout: options.holdout,
        imagesPath: options.images,
        signal: interrupts.signal,
        onProgress: (done, total) => output.progress({ label: 'import', done, total, detail: 'images' }),
      });
      output.endProgress();
      for (const warning of summary.warnings.slice(0, 20)) output.note(`Warning: ${warning.message}`);
      if (summary.warnings.length > 20)
        output.note(`… and ${summary.warnings.length - 20} more warnings (--json lists them).`);
      output.result(
        summary,
        [
          `Imported ${summary.name} (${summary.format}) into ${summary.project}`,
          `  ${summary.trainFrames} frames to train on, ${summary.holdoutFrames} held out${summary.holdoutFrom === 'generated-scene' ? " (the scene's own test split)" : ''}, ${summary.points} sparse points`,
          `Next: liftscope train ${options.project}`,
        ].join('\n'),
      );
    });

  const train = verb(
    'train <dir>',
    'Train splats on the imported capture; Ctrl-C stops with a checkpoint, --resume continues',
  )
    .option('--resume', 'continue the training that was interrupted last')
    .option('--checkpoint-every <n>', 'iterations between checkpoints', naturalNumber)
    .option(
      '--evaluate-every <n>',
      'iterations between evaluations on the held-out frames; 0 only at the end',
      naturalNumber,
    )
    .option('--memory-budget <megabytes>', 'do not use more memory than this for the scene', positiveNumber);
  addComputeOptions(train);
  addTrainingParameters(train);
  train.action(async (dir: string, options: TrainFlags & Readonly<Record<string, unknown>>) => {
    const { openProject } = await import('../project/index.ts');
    const { trainProject } = await import('../jobs/index.ts');
    using project = await openProject(dir);
    const { jobId, result } = await trainProject(project, {
      parameters: givenTrainingParameters(options),
      ...present({
        backend: options.backend,
        threads: options.threads,
        resume: options.resume,
        checkpointEvery: options.checkpointEvery,
        evaluateEvery: options.evaluateEvery,
        memoryBudgetBytes: options.memoryBudget === undefined ? undefined : Math.round(options.memoryBudget * 1e6),
      }),
      signal: interrupts.signal,
      killSignal: interrupts.killSignal,
      onEvent: (event) => showEvent(output, event),
    });
    output.result(
      { ...result, jobId, project: project.folder },
      [
        `Trained ${result.gaussians} Gaussians in ${formatDuration(result.seconds)} (${result.iterations} iterations, ${result.iterationsPerSecond.toFixed(1)} per second, ${result.backend}, ${result.threads} threads)`,
        `Held-out frames: ${formatQuality(result)}; peak memory ${formatBytes(result.peakMemoryBytes)}; seed ${result.seed}`,
      ].join('\n'),
    );
  });

  const evaluate = verb(
    'eval <dir>',
    'Quality of the newest splats: PSNR and SSIM per frame, and against the truth where the capture has one',
  ).addOption(
    new Option('--frames <which>', 'which frames to score').choices(['holdout', 'train', 'all']).default('holdout'),
  );
  evaluate.option('--tracks', 'score the tracks instead, corrections included, against the truth of a generated scene');
  addComputeOptions(evaluate);
  type EvaluateFlags = ComputeFlags & { frames: 'holdout' | 'train' | 'all'; tracks?: boolean };
  evaluate.action(async (dir: string, options: EvaluateFlags) => {
    const { openProject } = await import('../project/index.ts');
    if (options.tracks === true) {
      const { showTrackFigures } = await import('./track.ts');
      await showTrackFigures(dir, invocation);
      return;
    }
    const { evaluateNewestLift, evaluateProject } = await import('../jobs/index.ts');
    using project = await openProject(dir);
    const { result, splats, training } = await evaluateProject(project, {
      frames: options.frames,
      ...present({ backend: options.backend, threads: options.threads }),
      signal: interrupts.signal,
      killSignal: interrupts.killSignal,
      onEvent: (event) => showEvent(output, event),
    });
    const lift = await evaluateNewestLift(project, splats, {
      ...present({ backend: options.backend, threads: options.threads }),
      signal: interrupts.signal,
      killSignal: interrupts.killSignal,
    });
    // The training's own figures belong beside the quality it reached; `seconds` is its time.
    output.result(
      {
        ...result,
        ...(lift && { lift }),
        evaluationSeconds: result.seconds,
        ...training,
        frames: options.frames,
        project: project.folder,
      },
      [
        ...result.perFrame.map((frame) => `${frame.name}  ${formatQuality(frame)}`),
        `mean of ${result.perFrame.length} frames: ${formatQuality(result)} (${result.gaussians} Gaussians)`,
        ...formatTruth(result),
        ...(lift === undefined ? [] : formatLiftQuality(lift.quality)),
      ].join('\n'),
    );
  });

  const render = verb('render <dir>', 'Render the newest splats from the camera of one frame')
    .requiredOption('--frame <name>', 'frame whose camera looks')
    .requiredOption('--out <file>', 'PNG file to write')
    .addOption(
      new Option('--channel <name>', 'what to render').choices(['colour', 'depth', 'alpha']).default('colour'),
    );
  addComputeOptions(render);
  render.action(
    async (
      dir: string,
      options: ComputeFlags & { frame: string; out: string; channel: 'colour' | 'depth' | 'alpha' },
    ) => {
      const { openProject } = await import('../project/index.ts');
      const { renderProject } = await import('../jobs/index.ts');
      using project = await openProject(dir);
      const result = await renderProject(project, {
        frame: options.frame,
        outputPath: options.out,
        channel: options.channel,
        ...present({ backend: options.backend, threads: options.threads }),
        signal: interrupts.signal,
        killSignal: interrupts.killSignal,
      });
      output.result(result, `Wrote ${result.outputPath} (${result.width}x${result.height})`);
    },
  );

  addExport(verb, invocation);
  addStudio(verb, invocation);
  addLift(verb, invocation);
  addLanguage(verb, invocation);
  addTrack(verb, invocation);
  addTracks(verb, invocation);
  addAmodal(verb, invocation);
  addSegment(verb, invocation);
  addMasks(verb, invocation);
  addModels(verb, invocation);
  addScene(verb, invocation);
  addDemo(verb, invocation);
  addBenchmarks(verb, invocation);
  return program;
}

interface TrainFlags extends ComputeFlags {
  readonly resume?: boolean;
  readonly checkpointEvery?: number;
  readonly evaluateEvery?: number;
  readonly memoryBudget?: number;
}

/** An error outside any promise we await still ends in one document and an exit code. */
function catchStrayErrors(output: Output): Disposable {
  const onError = (error: unknown): void => {
    const failure = toFailure(error);
    output.failure(failure);
    process.exit(exitCodeOf(failure.code));
  };
  process.on('uncaughtException', onError);
  process.on('unhandledRejection', onError);
  return {
    [Symbol.dispose]: () => {
      process.off('uncaughtException', onError);
      process.off('unhandledRejection', onError);
    },
  };
}

/** `liftscope … | head` closes the pipe early; that is the reader's right and no failure of ours. */
function ignoreClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    if (stream.listenerCount('error') > 0) continue;
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  }
}
