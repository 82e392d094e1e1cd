/**
 * How long a run has learned: measuring and writing stand still on it, and it goes on where an earlier process stopped.
 */

/** By the clock on the wall, and by what the processor worked for this process, all threads together. */
export interface LearningClock {
  pause(): void;
  /** Does nothing while it runs. */
  resume(): void;
  seconds(): number;
  cpuSeconds(): number;
}

/** Makes a clock that stands still. @param start  What it begins with. */
export function createLearningClock(
  start: { seconds: number; cpuSeconds: number } | undefined,
): LearningClock {
  let [seconds, cpuSeconds] = [start?.seconds ?? 0, start?.cpuSeconds ?? 0];
  let since: { wall: number; cpu: NodeJS.CpuUsage } | null = null;
  const take = (): void => {
    if (since !== null) {
      const { user, system } = process.cpuUsage(since.cpu);
      seconds += (performance.now() - since.wall) / 1000;
      cpuSeconds += (user + system) / 1e6;
    }
  };
  return {
    pause() {
      take();
      since = null;
    },
    resume() {
      since ??= { wall: performance.now(), cpu: process.cpuUsage() };
    },
    seconds: () => seconds,
    cpuSeconds: () => cpuSeconds,
  };
}
