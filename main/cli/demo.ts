import type { Command } from 'commander';
import type { DemoOutcome } from '../jobs/index.ts';
import { addComputeOptions, type ComputeFlags, type Invocation, present, showEvent } from './common.ts';
import { formatTable } from './table.ts';
import { seedNumber } from './values.ts';

interface DemoFlags extends ComputeFlags {
  readonly quick?: boolean;
  readonly out?: string;
  readonly seed?: number;
}

/** `demo`. */
export function addDemo(verb: (usage: string, description: string) => Command, invocation: Invocation): void {
  const { output, interrupts } = invocation;
  const demo = verb(
    'demo',
    'A sample scene from start to end: generate, import, train, lift to objects, ask questions in words, evaluate against the truth',
  )
    .option('--quick', 'a smaller scene, trained shorter: about a minute')
    .option(
      '--out <dir>',
      'folder for scene and project (default: out/demo or out/demo-quick); one of an earlier run goes on where that ended',
    )
    .option('--seed <n>', 'seed of the scene and the training (default: 0)', seedNumber);
  addComputeOptions(demo);
  demo.action(async (options: DemoFlags) => {
    const startedAt = performance.now();
    const { demoPlan, runDemo } = await import('../jobs/index.ts');
    const quick = options.quick === true;
    const outcome = await runDemo({
      folder: options.out ?? (quick ? 'out/demo-quick' : 'out/demo'),
      plan: demoPlan(quick, options.seed ?? 0),
      ...present({ backend: options.backend, threads: options.threads }),
      signal: interrupts.signal,
      killSignal: interrupts.killSignal,
      onEvent: (event) => showEvent(output, event),
      onNote: (text) => output.note(text),
    });
    const wallSeconds = (performance.now() - startedAt) / 1000;
    const { plan, scene, stages, training, quality, lift, queries, project } = outcome;
    const commands = commandsFor(outcome);
    const { capture, ...made } = scene;
    const document = {
      plan,
      scene: { ...made, ...capture },
      stages,
      wallSeconds,
      training,
      psnr: quality.psnr,
      ssim: quality.ssim,
      truth: quality.truth ?? null,
      baseline: quality.baseline ?? null,
      lift,
      queries,
      perFrame: quality.perFrame,
      project,
      commands,
    };
    output.result(document, [...formatDemo(outcome, wallSeconds), '', ...commands.map(withPurpose)].join('\n'));
  });
}

interface DemoCommand {
  readonly purpose: string;
  readonly command: string;
}

function commandsFor({ project, frame }: DemoOutcome): DemoCommand[] {
  const folder = /^[\w./-]+$/.test(project) ? project : JSON.stringify(project);
  const run = 'npm run liftscope --';
  return [
    { purpose: 'Open it in the studio', command: `npm start -- ${folder}` },
    {
      purpose: 'Look at a view that training never saw',
      command: `${run} render ${folder} --frame ${frame} --out view.png`,
    },
    { purpose: 'Ask where something is', command: `${run} query ${folder} "red mug" --out map.png` },
    { purpose: 'Take the splats to another program', command: `${run} export ${folder} --out splats.ply` },
  ];
}

const withPurpose = ({ purpose, command }: DemoCommand): string => `${purpose}:\n  ${command}`;

function formatDemo(
  { plan, scene, stages, training, quality, lift, queries, project }: DemoOutcome,
  wallSeconds: number,
): string[] {
  const { truth, baseline } = quality;
  const decibel = (value: number | null | undefined): string => (value == null ? '-' : `${value.toFixed(2)} dB`);
  const percent = (value: number | null | undefined): string => (value == null ? '-' : `${(100 * value).toFixed(1)} %`);
  const plain = (value: number | null | undefined): string => (value == null ? '-' : value.toFixed(4));
  return [
    `${plan.scene}, seed ${plan.seed}: ${scene.objects} objects, ${plan.views} views of ${scene.width}x${scene.height} (${scene.capture?.testFrames ?? 0} held out)`,
    `${training.gaussians} Gaussians after ${training.iterations} iterations on ${training.backend}`,
    '',
    ...formatTable([
      ['stage', 'seconds', ''],
      ...stages.map(({ name, seconds, reused }) => [
        name,
        seconds.toFixed(1),
        reused ? 'kept from an earlier run' : '',
      ]),
      ['this run', wallSeconds.toFixed(1), ''],
    ]),
    '',
    ...formatTable([
      ['on the held-out views', 'splats', 'per-pixel mean of the training images'],
      ['PSNR', decibel(quality.psnr), decibel(baseline?.psnr)],
      ['SSIM', plain(quality.ssim), plain(baseline?.ssim)],
      ['depth error (abs-rel)', plain(truth?.depthAbsoluteRelative), ''],
      ['depth within a factor of 1.25', percent(truth?.depthDelta125), ''],
      ['covered pixels', percent(truth?.coverage), ''],
    ]),
    '',
    `${lift.objects} objects lifted (${lift.recipe})${lift.quality === undefined ? '' : `: PQ ${lift.quality.things.pq.toFixed(1)} over the held-out views, ${(lift.quality.perFrame.before ?? 0).toFixed(1)} in the masks as given, frame by frame`}`,
    '',
    ...formatTable(
      queries.map(({ text, found, maximum, objects, map, milliseconds }) => [
        `"${text}"`,
        found ? `relevancy ${maximum.toFixed(2)}` : 'no answer',
        objects[0]?.name ?? '',
        `${milliseconds.toFixed(0)} ms`,
        map,
      ]),
    ),
    ...(queries.length > 0 ? [''] : []),
    `Project: ${project}`,
  ];
}
