/** Keeps the monitor child running, and turns what happens to it into events. */

import { type ChildProcess, fork } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Trouble } from '../../core/event.ts'
import { unreachable } from '../../core/invariant.ts'
import type { Frame, FromMonitor, MonitorSetup, ToMonitor } from './monitor-message.ts'

export interface MonitorHandlers {
  /** The next frame comes only after `taken` was called. */
  readonly frame: (frame: Frame, taken: () => void) => void
  /** The watch works, for all that comes after own write `seq`; `missed` says why something was missed before. */
  readonly ready: (seq: number, missed: string | undefined) => void
  readonly trouble: (trouble: Trouble) => void
}

/** `.ts` from the sources, `.js` when compiled. */
const program = fileURLToPath(
  new URL(`./monitor-child${extname(import.meta.url)}`, import.meta.url),
)

/** It holds at most a few MiB of notifications. */
const programFlags = [
  '--max-old-space-size=64',
  '--max-semi-space-size=1',
  '--v8-pool-size=1',
  '--no-warnings',
]

/** A child that lived so long did not die of what killed the one before. */
const lastingMs = 10_000
/** From so many quick deaths on it is a trouble, whatever the cause, until one lasts. */
const deathsTolerated = 2
const restartDelayMsMax = 5_000
const pauseMsMax = 100

/** What the child says on its standard error, such as why it aborts. */
const lastWordsMax = 2_048

export class Monitor {
  readonly #setup: () => MonitorSetup
  readonly #handlers: MonitorHandlers
  #child: ChildProcess | undefined
  /** How many notifications the child can be behind without losing one; 0 until it is ready. */
  #capacity = 0
  #deaths = 0
  #troubled = false
  /** What was missed since the last `ready`; undefined: nothing. */
  #missed: string | undefined
  #timer: NodeJS.Timeout | undefined
  #stopped = false
  /** Who waits for an answer; all of them are let go when the child dies. */
  readonly #waiting = { ready: [], paused: [], watching: [] } as Record<
    'ready' | 'paused' | 'watching',
    (() => void)[]
  >

  constructor(setup: () => MonitorSetup, handlers: MonitorHandlers) {
    this.#setup = setup
    this.#handlers = handlers
  }

  get capacity(): number {
    return this.#capacity
  }

  /** Resolves when the watch is in place, or has failed for the first time and is tried again. */
  start(): Promise<void> {
    this.#spawn()
    return this.#answer('ready')
  }

  /** Resolves when removals of these are told, or when a dump will tell them. */
  async watch(keys: readonly string[]): Promise<void> {
    if (this.#child === undefined) return
    this.#tell({ type: 'watch', keys })
    await this.#answer('watching')
  }

  /** True: own writes are not read until `resume`, and neither are the route changes of others. */
  async pause(): Promise<boolean> {
    // A stopped child does not answer. Then its receive buffer overruns, which costs it its life and us a dump. It is
    // waited for once, and not told again.
    if (this.#capacity === 0 || this.#waiting.paused.length > 0) return false
    this.#tell({ type: 'pause' })
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, pauseMsMax)
    })
    await Promise.race([this.#answer('paused'), late])
    clearTimeout(timer)
    return true
  }

  /** Own writes up to `seq` are done. */
  resume(seq: number, reason: string): void {
    if (this.#capacity === 0) return
    this.#missed = reason
    this.#tell({ type: 'resume', seq })
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    const child = this.#child
    if (!child) return
    const gone = new Promise((resolve) => child.once('close', resolve))
    // It has nothing to lose, and a stopped process heeds no other signal.
    child.kill('SIGKILL')
    await gone
  }

  #spawn(): void {
    const child = fork(program, [], {
      serialization: 'advanced',
      execArgv: programFlags,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    this.#child = child
    let lastWords = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      lastWords = `${lastWords}${text}`.slice(-lastWordsMax)
    })
    child.on('message', (message) => this.#receive(child, message as FromMonitor))
    // `close` follows every end, the failure to start included; an error is told by it alone.
    child.on('error', (error) => {
      lastWords = error.message
    })
    child.on('close', (code, signal) => this.#bury({ code, signal, lastWords }))
    this.#tell({ type: 'begin', setup: this.#setup() })
  }

  #receive(child: ChildProcess, message: FromMonitor): void {
    if (this.#stopped) return
    switch (message.type) {
      case 'ready':
        this.#greet(message)
        return
      case 'paused':
      case 'watching':
        this.#waiting[message.type].shift()?.()
        return
      case 'frame':
        // To the child that sent it: its successor has frames of its own under way.
        this.#handlers.frame(message, () => tell(child, { type: 'taken' }))
        return
      default:
        return unreachable(message)
    }
  }

  #greet({ capacity, seq }: { capacity: number; seq: number }): void {
    this.#capacity = capacity
    const missed = this.#missed
    this.#missed = undefined
    this.#handlers.ready(seq, missed)
    this.#waiting.ready.shift()?.()
    if (this.#deaths <= deathsTolerated) this.#endTrouble()
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#deaths = 0
      this.#endTrouble()
    }, lastingMs).unref()
  }

  #bury(end: { code: number | null; signal: string | null; lastWords: string }): void {
    this.#child = undefined
    this.#capacity = 0
    for (const waiting of Object.values(this.#waiting)) {
      for (const resolve of waiting.splice(0)) resolve()
    }
    clearTimeout(this.#timer)
    if (this.#stopped) return
    this.#deaths += 1
    // The addon aborts on a receive overrun, and on nothing else that this child does.
    const overrun = end.signal === 'SIGABRT'
    this.#missed = overrun ? 'receive overrun' : `the monitor ended: ${causeOf(end)}`
    if (!overrun || this.#deaths > deathsTolerated) {
      this.#troubled = true
      this.#tellTrouble(overrun ? 'receive overruns, one after the other' : causeOf(end))
    }
    this.#timer = setTimeout(() => this.#spawn(), restartDelayMs(this.#deaths))
  }

  #endTrouble(): void {
    if (!this.#troubled) return
    this.#troubled = false
    this.#tellTrouble('')
  }

  #tellTrouble(reason: string): void {
    const active = this.#troubled
    this.#handlers.trouble({ code: 'monitor-died', subject: 'kernel monitor', reason, active })
  }

  #tell(message: ToMonitor): void {
    if (this.#child) tell(this.#child, message)
  }

  #answer(type: 'ready' | 'paused' | 'watching'): Promise<void> {
    return new Promise((resolve) => this.#waiting[type].push(resolve))
  }
}

function tell(child: ChildProcess, message: ToMonitor): void {
  // A child that cannot be told is dying: `close` follows, and the next child is told everything.
  child.send(message, () => undefined)
}

/** The first restart is at once: a lone overrun costs as little as it can. */
const restartDelayMs = (deaths: number): number =>
  deaths === 1 ? 0 : Math.min(restartDelayMsMax, 50 * 2 ** Math.min(deaths - 2, 10))

function causeOf(end: { code: number | null; signal: string | null; lastWords: string }): string {
  const how = end.signal === null ? `exit code ${end.code}` : end.signal
  const words = end.lastWords.trim().split('\n')[0]
  return words ? `${how} (${words})` : how
}
