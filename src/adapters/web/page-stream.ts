/** Tells viewers what the agent's board says, at most once a second and only what changed, computed once for all of them. */

import type { Note } from '../../core/note.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Noted } from '../../ports/telemetry.ts'
import { type Board, changes, told, type Written, whole, written } from './page-changes.ts'
import { type Stream, Viewers } from './page-viewers.ts'

export interface PageSource {
  /** Begins to follow the board: what is returned tells it as it is then. */
  follow(): () => Board
  /** Undefined: it is not worth a line. */
  event(noted: Noted): object | undefined
  /** The last notes, at most so many, the oldest first; a listener hears of a note once it is among them. */
  recent(count: number): readonly Noted[]
  watch(listener: (note: Note) => void): () => void
  readonly clock: Clock
  /** Wall clock in ms since 1970. */
  readonly wallMs: () => number
  /** Hears of what must not happen: the agent goes on all the same. */
  failed(thrown: unknown): void
}

/** Events by `text/event-stream`: `board` has all, `change` what changed, `events` come as lists, `beat` tells that all is well. */
export class PageStream {
  readonly #source: PageSource
  readonly #viewers: Viewers
  readonly #unwatch: () => void
  /** Events that nobody was told yet. */
  #news: object[] = []
  #missed = 0
  #board: (() => Board) | undefined
  #written: Written | undefined
  #whole: Buffer | undefined
  #beatAt = 0
  #cancel: () => void = () => undefined

  constructor(source: PageSource) {
    this.#source = source
    this.#viewers = new Viewers(() => this.#rest())
    this.#unwatch = source.watch((note) => this.#heard(note))
  }

  get isFull(): boolean {
    return this.#viewers.isFull
  }

  /** `stream` has sent its headers. */
  join(stream: Stream): void {
    const { clock } = this.#source
    if (!this.#written) {
      this.#board = this.#source.follow()
      this.#written = written(this.#board())
      this.#news = []
      this.#missed = 0
      this.#beatAt = clock.now() + beatMs
      this.#arm()
    }
    // A change that comes later is one to this.
    this.#whole ??= message('board', whole(this.#written))
    const recent = this.#source
      .recent(recentMax)
      .flatMap((noted) => this.#source.event(noted) ?? [])
    const events = recent.slice(0, recent.length - this.#news.length)
    this.#viewers.add(stream, [
      message('beat', this.#beat()),
      this.#whole,
      message('events', told({ events, missed: 0 })),
    ])
  }

  close(): void {
    this.#unwatch()
    this.#viewers.close()
    this.#rest()
  }

  #heard(note: Note): void {
    if (!this.#written) return
    const event = this.#source.event({ note, timeMs: this.#source.wallMs() })
    if (!event) return
    this.#news.push(event)
    if (this.#news.length <= newsMax) return
    this.#news.shift()
    this.#missed += 1
  }

  /** `costMs`: of the last telling. */
  #arm(costMs = 0): void {
    const { clock } = this.#source
    // So that a large cluster costs no more than a small one.
    const pauseMs = Math.max(paceMs, Math.min(costMs * restPerWork, pauseMsMax))
    this.#cancel = clock.schedule(clock.now() + pauseMs, () => this.#tick())
  }

  #tick(): void {
    const startedAt = this.#source.clock.now()
    try {
      this.#tell()
    } catch (thrown) {
      this.#source.failed(thrown)
      this.#viewers.close()
    }
    if (this.#written) this.#arm(this.#source.clock.now() - startedAt)
  }

  #tell(): void {
    const before = this.#written
    if (!before || !this.#board) return
    const messages: Buffer[] = []
    const after = written(this.#board())
    const changed = changes(before, after)
    if (changed !== undefined) {
      this.#written = after
      this.#whole = undefined
      messages.push(message('change', changed))
    }
    if (this.#news.length > 0) {
      messages.push(message('events', told({ events: this.#news, missed: this.#missed })))
      this.#news = []
      this.#missed = 0
    }
    const now = this.#source.clock.now()
    if (now >= this.#beatAt) {
      this.#beatAt = now + beatMs
      this.#viewers.sweep()
      messages.push(message('beat', this.#beat()))
    }
    this.#viewers.send(messages)
  }

  #beat(): string {
    return JSON.stringify({ nowMs: this.#source.wallMs() })
  }

  /** Nobody looks: nothing is kept. */
  #rest(): void {
    this.#cancel()
    this.#board = undefined
    this.#written = undefined
    this.#whole = undefined
    this.#news = []
  }
}

const message = (event: string, data: string): Buffer =>
  Buffer.from(`event: ${event}\ndata: ${data}\n\n`)

const paceMs = 1_000
/** The page takes at most a hundredth of a CPU by telling, and tells every few seconds all the same. */
const restPerWork = 100
const pauseMsMax = 5_000
const beatMs = 15_000
const recentMax = 200
/** In one pace. */
const newsMax = 100
