/** Disks that are slow, that fail, and that are lost in the middle of a write: by what the kernel answers to fsync. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { pidOf, restarted } from './agents.ts'
import { NotNow, type Play } from './fault.ts'
import { writes } from './writes.ts'

const slowUs = 300_000
const attachedWithinMs = 5_000

export const slowDisk: Play = async (victims) => inject(victims, `delay_enter=${slowUs}`)

export const failingDisk: Play = async (victims) => inject(victims, 'error=EIO')

/** The n-th write from then on is the last thing that the process does. */
export const killAtSync: Play = async ({ fault, host }) => {
  const before = await pidOf(host)
  const at = 1 + Math.floor(fault.share * 4)
  const tracer = await traced(before, `signal=KILL:when=${at}`)
  const writing = writes(host)
  return async () => {
    await writing.stop()
    await tracer.stop()
    if (tracer.injected === 0) return { what: 'no write came', count: 0 }
    return restarted(host, before)
  }
}

async function inject({ host }: Parameters<Play>[0], what: string) {
  const tracer = await traced(await pidOf(host), what)
  const writing = writes(host)
  return async () => {
    await writing.stop()
    await tracer.stop()
    return { what: 'writes that it was done to', count: tracer.injected }
  }
}

interface Tracer {
  /** Calls so far to which it was done. */
  readonly injected: number
  stop(): Promise<void>
}

async function traced(pid: number, what: string): Promise<Tracer> {
  const calls = 'fsync,fdatasync'
  const words = [
    '-f',
    '-q',
    '-p',
    String(pid),
    '-e',
    `trace=${calls}`,
    '-e',
    `inject=${calls}:${what}`,
  ]
  const child = spawn('strace', words, { stdio: ['ignore', 'ignore', 'pipe'] })
  let injected = 0
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (/INJECTED|DELAYED|killed by SIGKILL/.test(line)) injected += 1
  })
  await attached(child, pid)
  return {
    get injected() {
      return injected
    },
    stop: () => ended(child),
  }
}

/** Resolves once all threads of the process are traced. */
async function attached(child: ChildProcess, pid: number): Promise<void> {
  const end = performance.now() + attachedWithinMs
  while (performance.now() < end) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
    if (/^TracerPid:\s+[1-9]/m.test(status)) return
    if (child.exitCode !== null) break
    await sleep(20)
  }
  throw new NotNow('its agent cannot be traced')
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGINT')
  await exited
}
