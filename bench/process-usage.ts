/**
 * Memory and processor time of processes, from Linux's /proc. The npm packages for this run `ps`
 * each time, which costs more than what is measured.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** Linux reports processor time in hundredths of a second, whatever its own clock is. */
const TICK_MS = 10;

export interface ProcessUsage {
  /** Of this process alone. */
  readonly residentBytes: number;
  /** Of all its threads, since its start. */
  readonly cpuMs: number;
}

/** Finds the newest process of that program which `ancestor` started, directly or not. */
export function findDescendant(
  program: string,
  ancestor: number = process.pid,
): number | undefined {
  return listDescendants(program, ancestor).at(-1);
}

/** Lists all processes of that program below `ancestor`. Empty where the system has no /proc. */
export function listDescendants(program: string, ancestor: number = process.pid): number[] {
  const pids = existsSync('/proc/self/stat')
    ? readdirSync('/proc').filter((name) => /^\d+$/.test(name))
    : [];
  const stats = new Map(pids.map((pid) => [Number(pid), readStat(Number(pid))] as const));
  const isBelow = (pid: number): boolean => {
    const parent = Number(stats.get(pid)?.fields[1]);
    return parent === ancestor || (stats.has(parent) && isBelow(parent));
  };
  return [...stats.keys()].filter((pid) => stats.get(pid)?.name === program && isBelow(pid));
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

/**
 * Reads /proc/PID/stat; see proc(5). The name may hold spaces and brackets, so the fields, from the
 * state on, are what follows the last bracket.
 */
function readStat(pid: number): { name: string; fields: string[] } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const end = text.lastIndexOf(')');
    const fields = text.slice(end + 2).split(' ');
    return { name: text.slice(text.indexOf('(') + 1, end), fields };
  } catch {
    return undefined; // It has ended since.
  }
}
