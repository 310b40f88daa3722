import type { Studio } from '../state/index.ts';

/** Steps frames while `playing`, and stops at the last one. Returns the way to stop. */
export function runPlayback(studio: Studio): () => void {
  let timer: ReturnType<typeof setInterval> | null = null;
  function stopTimer() {
    if (timer !== null) clearInterval(timer);
    timer = null;
  }
  function tick() {
    const { frame, frameCount } = studio.selection.getState();
    if (frame >= frameCount - 1) studio.setPlaying(false);
    else studio.step(1);
  }
  const stop = studio.selection.subscribe((now, before) => {
    if (now.playing === before.playing) return;
    stopTimer();
    if (!now.playing) return;
    // Play at the end starts over.
    if (now.frame >= now.frameCount - 1) studio.goToFrame(0);
    timer = setInterval(tick, 1000 / studio.view.getState().playbackFps);
  });
  return () => {
    stop();
    stopTimer();
  };
}
