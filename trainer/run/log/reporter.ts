/**
 * What a run says while it trains: a progress bar when the output is a terminal, plain lines when it is not.
 */
import { MultiBar, type SingleBar } from 'cli-progress';
import type { Warning } from './metrics.ts';

/** The state of a run at one step. */
export interface Progress {
  /** Steps done. */
  readonly step: number;
  readonly steps: number;
  readonly discriminatorLoss: number;
  readonly generatorLoss: number;
  /** Real images seen a second, since the run or its resumption began. */
  readonly imagesPerSecond: number;
  readonly secondsLeft: number;
}

/** Where a run tells its progress. */
export interface Reporter {
  /** A step whose losses are logged. */
  log(progress: Progress): void;
  /** Any other step that there is time to show. */
  show(progress: Progress): void;
  /** A line that stays. */
  say(line: string): void;
  /** Ends the display; nothing is told after. */
  end(): void;
}

/** Makes the reporter that suits the output. */
export function createReporter(output: NodeJS.WriteStream): Reporter {
  return output.isTTY ? createBarReporter(output) : createLineReporter(output);
}

function createLineReporter(output: NodeJS.WritableStream): Reporter {
  const say = (line: string): void => void output.write(`${line}\n`);
  return { log: (progress) => say(describeProgress(progress)), show: () => {}, say, end: () => {} };
}

function createBarReporter(output: NodeJS.WriteStream): Reporter {
  const bars = new MultiBar(
    {
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
    },
    undefined,
  );
  let bar: SingleBar | undefined;
  const show = (progress: Progress): void => {
    const { step, steps, discriminatorLoss, generatorLoss, imagesPerSecond, secondsLeft } =
      progress;
    bar ??= bars.create(steps, step);
    bar.update(step + 1, {
      d: discriminatorLoss.toFixed(3),
      g: generatorLoss.toFixed(3),
      rate: Math.round(imagesPerSecond).toLocaleString('en'),
      left: describeSeconds(secondsLeft),
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
  return {
    log(progress) {
      show(progress);
      say(describeProgress(progress));
    },
    show,
    say,
    end: () => bars.stop(),
  };
}

/** One line for a logged step. */
export function describeProgress({
  step,
  discriminatorLoss,
  generatorLoss,
  imagesPerSecond,
  secondsLeft,
}: Progress): string {
  return [
    `step ${step.toLocaleString('en').padStart(6)}`,
    `D loss ${discriminatorLoss.toFixed(5)}`,
    `G loss ${generatorLoss.toFixed(5)}`,
    `${Math.round(imagesPerSecond).toLocaleString('en')} images/s`,
    `${describeSeconds(secondsLeft)} left`,
  ].join('   ');
}

/** Lines for a warning. */
export function describeWarning(step: number, { message, advice }: Warning): string {
  return `warning, step ${step.toLocaleString('en')}: ${message}\n  ${advice}`;
}

/** A duration in words: "42 s", "3 m 07 s", "2 h 05 m". */
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
