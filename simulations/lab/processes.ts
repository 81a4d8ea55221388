/** What the kernel says of processes: CPU time and memory. */

import { readdirSync, readFileSync } from 'node:fs'

/** Of the kernel's interface to user space, on every architecture that Node runs on. */
const ticksPerSecond = 100

/** User and system time of a process so far, in ms. */
export function cpuMs(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The second field is the name in brackets, and may hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / ticksPerSecond
}

/** The same of its threads, to the microsecond where the kernel counts so. */
export function cpuMsExact(pid: number): number {
  const ofThread = (task: string) =>
    Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0])
  return readdirSync(`/proc/${pid}/task`).reduce((sum, task) => sum + ofThread(task), 0) / 1e6
}

/** Resident memory and, of it, what no other process shares, in MB. */
export function memoryMb(pid: number): { readonly rss: number; readonly own: number } {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const kilobytes = (name: string) => Number(new RegExp(`^${name}: *([0-9]+)`, 'm').exec(text)?.[1])
  const own = kilobytes('Private_Clean') + kilobytes('Private_Dirty')
  return { rss: kilobytes('Rss') / 1_024, own: own / 1_024 }
}

export function childrenOf(pid: number): number[] {
  const tasks = readdirSync(`/proc/${pid}/task`)
  return tasks.flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8')
      .split(' ')
      .filter(Boolean)
      .map(Number),
  )
}
