/** The output of a run in training: a progress bar on a terminal, plain lines elsewhere. */
import { MultiBar, type SingleBar } from 'cli-progress';
import type { Warning } from './metrics.ts';

/** The state of a run at one step. */
export interface Progress {
  /** From 0. */
  readonly step: number;
  readonly steps: number;
  readonly discriminatorLoss: number;
  readonly generatorLoss: number;
  /** Real images a second since this start or resumption. */
  readonly imagesPerSecond: number;
  readonly secondsLeft: number;
}

/** Receives a run's progress. */
export interface Reporter {
  /** A logged step. */
  log(progress: Progress): void;
  /** Any other step, if there is time to show it. */
  show(progress: Progress): void;
  /** A line that stays. */
  say(line: string): void;
  /** Ends the display; no call follows. */
  end(): void;
}

const ignore = (): void => {};
export const SILENT_REPORTER: Reporter = { log: ignore, show: ignore, say: ignore, end: ignore };

export function createReporter(output: NodeJS.WriteStream): Reporter {
  if (output.isTTY) {
    return createBarReporter(output);
  }
  const say = (line: string): void => void output.write(`${line}\n`);
  return { ...SILENT_REPORTER, log: (progress) => say(describeProgress(progress)), say };
}

function createBarReporter(output: NodeJS.WriteStream): Reporter {
  const bars = new MultiBar({
    stream: output,
    format:
      '{bar} {percentage}% │ step {value}/{total} │ D {d} G {g} │ {rate} images/s │ {left} left',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 24,
    hideCursor: true,
    fps: 10,
    linewrap: null,
    gracefulExit: false,
  });
  let bar: SingleBar | undefined;
  const show = (progress: Progress): void => {
    bar ??= bars.create(progress.steps, progress.step);
    bar.update(progress.step + 1, {
      d: progress.discriminatorLoss.toFixed(3),
      g: progress.generatorLoss.toFixed(3),
      rate: Math.round(progress.imagesPerSecond).toLocaleString('en'),
      left: describeSeconds(progress.secondsLeft),
    });
  };
  const say = (line: string): void => {
    if (bar === undefined) {
      output.write(`${line}\n`);
    } else {
      bars.log(`${line}\n`);
      bars.update();
    }
  };
  const log = (progress: Progress): void => {
    show(progress);
    say(describeProgress(progress));
  };
  const end = (): void => {
    process.off('exit', end);
    bars.stop();
  };
  process.on('exit', end); // The bars hide the cursor.
  return { log, show, say, end };
}

function describeProgress(progress: Progress): string {
  return [
    `step ${progress.step.toLocaleString('en').padStart(6)}`,
    `D loss ${progress.discriminatorLoss.toFixed(5)}`,
    `G loss ${progress.generatorLoss.toFixed(5)}`,
    `${Math.round(progress.imagesPerSecond).toLocaleString('en')} images/s`,
    `${describeSeconds(progress.secondsLeft)} left`,
  ].join('   ');
}

/** Describes a warning in two lines. */
export function describeWarning(step: number, { message, advice }: Warning): string {
  return `warning, step ${step.toLocaleString('en')}: ${message}\n  ${advice}`;
}

/** Describes a duration: "42 s", "3 m 07 s", "2 h 05 m". */
export function describeSeconds(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) {
    return `${s} s`;
  }
  const [hours, minutes] = [Math.floor(s / 3600), Math.floor((s % 3600) / 60)];
  return hours > 0
    ? `${hours} h ${String(minutes).padStart(2, '0')} m`
    : `${minutes} m ${String(s % 60).padStart(2, '0')} s`;
}
