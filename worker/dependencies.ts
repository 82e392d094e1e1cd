/** The dependencies of the app and its routes: everything that is not pure. */
import type { PngEncoder } from '../shared/picture/png.ts';
import type { RateLimits } from './http/admission.ts';
import type { ConcurrencyLimit } from './http/concurrency-limit.ts';
import type { Log } from './http/log.ts';
import type { Jobs, NoJobs } from './jobs/job-store.ts';
import type { EncoderSource } from './models/encoder-source.ts';
import type { ModelSource } from './models/model-source.ts';
import type { ModelFiles } from './models/model-store.ts';

export interface AppDependencies {
  readonly modelSource: ModelSource;
  readonly modelFiles: ModelFiles;
  /** Encoders of the models that hands were read with. */
  readonly encoders: EncoderSource;
  /** Draws an unpredictable seed of URL-safe characters. */
  readonly drawSeed: () => string;
  readonly drawRequestId: () => string;
  readonly png: PngEncoder;
  /** Milliseconds, for durations. */
  readonly clock: () => number;
  readonly log: Log;
  /**
   * The `max-age` of Strict-Transport-Security, which binds every service of the host; none by
   * default.
   */
  readonly hstsSeconds?: number | undefined;
  /** Absent where callers are not limited. */
  readonly rateLimits?: RateLimits | undefined;
  /** Absent where the host has no queue. */
  readonly jobs?: Jobs | NoJobs | undefined;
  /** A URI to report vulnerabilities to; absent where the operator gave none. */
  readonly securityContact?: string | undefined;
  /** The pages under /docs and /learn, as dev/build/page.ts writes them; absent without pages. */
  readonly guides?: ArrayBuffer | undefined;
  /** The OpenAPI document, as dev/build/page.ts writes it; absent where none is served. */
  readonly openapi?: ArrayBuffer | undefined;
  /** Whether no service answers at the requests' addresses: JSON then names no URL of a picture. */
  readonly isOffline?: boolean | undefined;
  /** Answers that are estimated to take longer are refused; absent where all are allowed. */
  readonly maxCpuMs?: number | undefined;
  /** Lets heavy answers be drawn one after the other. */
  readonly heavyWork: ConcurrencyLimit;
  /** Lets the parts of streams be drawn one after the other. */
  readonly streamTurns: ConcurrencyLimit;
}

/** The dependencies that a host gives to `createApp`. Clock and randomness have defaults. */
export type GivenDependencies = Omit<
  AppDependencies,
  'encoders' | 'heavyWork' | 'streamTurns' | Optional
> &
  Partial<Pick<AppDependencies, Optional>>;

type Optional = 'clock' | 'drawSeed' | 'drawRequestId';
