/**
 * Memory and processor time of processes, from Linux's /proc. The npm packages for this run `ps`
 * each time, which costs more than what is measured.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** Linux reports processor time in hundredths of a second, whatever its own clock is. */
const TICK_MS = 10;

/** Lists all processes of that program which a process started, directly or not. */
export function listDescendants(program: string, ancestor: number = process.pid): number[] {
  const tasks = `/proc/${ancestor}/task`;
  const threads = existsSync(tasks) ? readdirSync(tasks) : [];
  const children = threads
    .flatMap((thread) => readOr(`${tasks}/${thread}/children`, '').split(' '))
    .filter((pid) => pid !== '')
    .map(Number);
  return children.flatMap((pid) => {
    const isWanted = readOr(`/proc/${pid}/comm`, '').trim() === program;
    return [...(isWanted ? [pid] : []), ...listDescendants(program, pid)];
  });
}

/** Finds the newest one. */
export function findDescendant(program: string): number | undefined {
  return listDescendants(program)
    .toSorted((a, b) => a - b)
    .at(-1);
}

/** Reads one process with all its threads. @throws Error  When the process has ended. */
export function readUsage(pid: number): { residentBytes: number; cpuMs: number } {
  const resident = /^VmRSS:\s+(\d+) kB$/m.exec(readOr(`/proc/${pid}/status`, ''))?.[1];
  // The name may hold spaces and brackets; the fields are what follows the last bracket: proc(5).
  const stat = readOr(`/proc/${pid}/stat`, '');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (resident === undefined) {
    throw new Error(`process ${pid} has ended`);
  }
  return {
    residentBytes: Number(resident) * 1024,
    cpuMs: (Number(fields[11]) + Number(fields[12])) * TICK_MS,
  };
}

function readOr(path: string, fallback: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return fallback; // The process has ended since.
  }
}
