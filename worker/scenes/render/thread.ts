import { parentPort, workerData } from 'node:worker_threads';
import type { RenderReply, RenderRequest } from './pool.ts';
import type { RenderScene } from './scene.ts';
import { createTracer } from './tracer.ts';

if (!parentPort) throw new Error('thread.ts runs as a worker thread of renderFrames');
const port = parentPort;
const tracer = createTracer(workerData as RenderScene);
port.on('message', ({ frame, view, labelsOnly }: RenderRequest) => {
  const images = labelsOnly ? tracer.renderLabels(view) : tracer.render(view);
  const buffers = [images.rgb, images.depth, images.instance, images.classId, images.part].map((array) => array.buffer);
  port.postMessage({ frame, images } satisfies RenderReply, buffers);
});
