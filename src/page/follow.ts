/** Follows the agent: keeps the board as the stream tells it, and says how the stream is doing. */

import { computed, signal } from '@preact/signals'
import type { BoardEvent } from '../adapters/api/board.ts'
import type { PoolMessage } from '../adapters/api/pool-map.ts'
import { type Change, changed, type Events, nothing, type Shown } from './board.ts'

export const shown = signal<Shown>(nothing)
/** Each by itself, so that what a change does not concern is not worked out anew. */
export const head = computed(() => shown.value.head)
export const nodes = computed(() => shown.value.lists.nodes)
export const claims = computed(() => shown.value.lists.claims)
export const excluded = computed(() => shown.value.lists.excluded)
export const routes = computed(() => shown.value.lists.routes)
export const leases = computed(() => shown.value.lists.leases)
export const former = computed(() => shown.value.former)
const poolsText = computed(() => JSON.stringify(head.value?.pools ?? []))
export const pools = computed(() => JSON.parse(poolsText.value) as readonly PoolMessage[])

export type Link =
  | { readonly state: 'connecting' }
  | { readonly state: 'live' }
  /** `at`: when it was heard last. */
  | { readonly state: 'lost'; readonly at: number }
  | { readonly state: 'refused'; readonly problem: string }
export const link = signal<Link>({ state: 'connecting' })

export interface ShownEvent extends BoardEvent {
  readonly number: number
}
/** The latest last. */
export const events = signal<readonly ShownEvent[]>([])
/** Events that went by too fast. */
export const missed = signal(0)

/** The agent's wall clock, every few seconds: durations are by it. */
export const agentNow = signal(Date.now())

let aheadMs = 0
let heardAt = Date.now()
let count = 0

export function follow(): void {
  connect()
  setInterval(() => {
    agentNow.value = Date.now() + aheadMs
  }, 5_000)
}

function connect(): void {
  const source = new EventSource('api/watch')
  let isOver = false
  // A browser gives up by itself where it is answered with an error, and never notices a line that is cut.
  const again = (afterMs: number): void => {
    if (isOver) return
    isOver = true
    source.close()
    clearInterval(watchdog)
    setTimeout(connect, afterMs)
  }
  const lost = (): void => {
    if (link.value.state !== 'refused') link.value = { state: 'lost', at: heardAt }
    again(retryMs)
  }
  const begunAt = Date.now()
  const watchdog = setInterval(() => {
    if (Date.now() - Math.max(heardAt, begunAt) > silenceMs) lost()
  }, 5_000)
  source.addEventListener('error', lost)
  source.addEventListener('refused', ({ data }: MessageEvent<string>) => {
    const { problem } = JSON.parse(data) as { problem: string }
    link.value = { state: 'refused', problem }
    again(refusedMs)
  })
  const on = <T>(name: string, take: (told: T) => void): void => {
    source.addEventListener(name, ({ data }: MessageEvent<string>) => {
      heardAt = Date.now()
      take(JSON.parse(data) as T)
    })
  }
  on<{ nowMs: number }>('beat', ({ nowMs }) => {
    aheadMs = nowMs - Date.now()
    agentNow.value = nowMs
  })
  on<Change>('board', (all) => {
    shown.value = { ...changed(nothing, all), former: former.value }
    link.value = { state: 'live' }
    // What is told next are the last events, which may be known.
    events.value = []
  })
  on<Change>('change', (change) => {
    shown.value = changed(shown.value, change)
  })
  on<Events>('events', (told) => {
    const more = told.events.map((event) => {
      count += 1
      return { ...event, number: count }
    })
    events.value = [...events.value, ...more].slice(-eventsMax)
    missed.value += told.missed
  })
}

const retryMs = 2_000
const refusedMs = 10_000
/** The agent sends a beat every 15 s. */
const silenceMs = 40_000
const eventsMax = 500
