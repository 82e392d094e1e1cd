/**
 * Structured logs: one JSON line an event, as Workers Logs indexes them.
 */

/** An event. `cause` is written with its message, its stack and its own causes. */
export interface LogEvent {
  readonly level: 'info' | 'warn' | 'error';
  readonly event: string;
  readonly cause?: unknown;
  readonly [field: string]: unknown;
}

export type Log = (event: LogEvent) => void;

/** Writes to the runtime's console. */
export const writeLog: Log = (event) => console[event.level](formatLogLine(event));

/** An event as one line of JSON, without a line feed. */
export function formatLogLine({ level, cause, ...fields }: LogEvent): string {
  return JSON.stringify({
    level,
    ...fields,
    ...(cause !== undefined && { cause: describeCause(cause) }),
  });
}

/** How deep causes are followed. */
const MAX_CAUSES = 4;

function describeCause(cause: unknown, depth = 0): unknown {
  if (!(cause instanceof Error)) {
    return String(cause);
  }
  const nested =
    cause.cause === undefined || depth >= MAX_CAUSES
      ? {}
      : { cause: describeCause(cause.cause, depth + 1) };
  return { message: `${cause.name}: ${cause.message}`, stack: cause.stack, ...nested };
}
