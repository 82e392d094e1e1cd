/** An event. `cause` is logged with its message, its stack and its own causes. */
export interface LogEvent {
  readonly level: 'info' | 'warn' | 'error';
  readonly event: string;
  readonly cause?: unknown;
  readonly [field: string]: unknown;
}

export type Log = (event: LogEvent) => void;

/** Writes to the runtime's console. */
export const writeLog: Log = (event) => console[event.level](formatLogLine(event));

/** Formats an event as one line of JSON, as Workers Logs indexes them, without a line feed. */
export function formatLogLine(event: LogEvent): string {
  const { cause } = event;
  const isCaused = cause !== undefined;
  return JSON.stringify(isCaused ? { ...event, cause: describeCause(cause, MAX_CAUSES) } : event);
}

/** How deep a chain of causes is followed. */
const MAX_CAUSES = 4;

function describeCause(cause: unknown, depth: number): unknown {
  if (!(cause instanceof Error)) {
    return String(cause);
  }
  const { name, message, stack } = cause;
  return {
    message: `${name}: ${message}`,
    stack,
    ...(cause.cause !== undefined && depth > 0 && { cause: describeCause(cause.cause, depth - 1) }),
  };
}
