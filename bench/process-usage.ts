/**
 * What a process and those that it started take of the machine, from Linux's /proc: their memory and their processor time.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** Linux counts processor time in hundredths of a second, whatever the kernel's own clock is. */
const TICK_MS = 10;

export interface ProcessUsage {
  /** Resident memory, of the process alone. */
  readonly residentBytes: number;
  /** Processor time since its start, of all its threads. */
  readonly cpuMs: number;
}

/**
 * Finds a process by its program's name among those that `ancestor` started, directly or not.
 * @returns  undefined when there is none, or the system has no /proc.
 */
export function findDescendant(
  program: string,
  ancestor: number = process.pid,
): number | undefined {
  return listDescendants(program, ancestor).at(-1);
}

/** Finds all of that name. @returns  None where the system has no /proc. */
export function listDescendants(program: string, ancestor: number = process.pid): number[] {
  if (!existsSync('/proc/self/stat')) {
    return [];
  }
  const parents = new Map<number, number>();
  const found: number[] = [];
  for (const pid of readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)) {
    const stat = readStat(pid);
    if (stat !== undefined) {
      parents.set(pid, Number(stat.fields[1]));
      if (stat.name === program) {
        found.push(pid);
      }
    }
  }
  return found.filter((pid) => {
    let parent: number | undefined = pid;
    while (parent !== undefined && parent !== ancestor) {
      parent = parents.get(parent);
    }
    return parent === ancestor;
  });
}

/** @throws Error  When the process has ended. */
export function readUsage(pid: number): ProcessUsage {
  const stat = readStat(pid);
  const resident = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  if (stat === undefined || resident === undefined) {
    throw new Error(`process ${pid} has ended`);
  }
  return {
    residentBytes: Number(resident) * 1024,
    cpuMs: (Number(stat.fields[11]) + Number(stat.fields[12])) * TICK_MS,
  };
}

/** The name may hold spaces and brackets: the fields, from the state on, stand behind the last bracket (proc(5)). */
function readStat(pid: number): { name: string; fields: string[] } | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined; // It has ended since.
  }
  const end = text.lastIndexOf(')');
  return { name: text.slice(text.indexOf('(') + 1, end), fields: text.slice(end + 2).split(' ') };
}
