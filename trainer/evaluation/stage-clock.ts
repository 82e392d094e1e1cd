/**
 * Tells which stage an evaluation is in, and how long each took: a stage lasts until the next one.
 */

/** Times stages. @param now  A clock in milliseconds. */
export function createStageClock(onStage: (stage: string) => void, now: () => number) {
  const seconds: Record<string, number> = {};
  const startedAt = now();
  let current: { readonly stage: string; readonly since: number } | undefined;
  const close = (): void => {
    if (current !== undefined) {
      seconds[current.stage] = roundSeconds(
        (seconds[current.stage] ?? 0) * 1000 + now() - current.since,
      );
    }
  };
  return {
    start(stage: string): void {
      close();
      current = { stage, since: now() };
      onStage(stage);
    },
    end(): Record<string, number> {
      close();
      return { ...seconds, total: roundSeconds(now() - startedAt) };
    },
  };
}

function roundSeconds(milliseconds: number): number {
  return Math.round(milliseconds) / 1000;
}
