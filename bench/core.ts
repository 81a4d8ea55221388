/** What the core costs: taking in a whole cluster at once, then one change of one record. */

import { now } from '../simulations/lab/observer.ts'
import { addressOf, prefixOf } from '../simulations/literal.ts'
import { Agent } from '../src/core/agent.ts'
import type { NodeId } from '../src/core/claim/record.ts'
import { type CoreConfig, defaultLimits, defaultTiming } from '../src/core/config.ts'
import type { Effect, Snapshot } from '../src/core/effect.ts'
import type { Event } from '../src/core/event.ts'
import { type Benchmark, figure } from './benchmark.ts'
import { cluster, pools, recordOf, unsigned } from './records.ts'

/** So many records of this size make one message of anti-entropy. */
const recordsPerDelta = 150
const address = addressOf('10.0.0.1')
const uplink = { ifindex: 2, name: 'eth0' }
const neighbour = recordOf(0).origin

export const core: Benchmark = async ({ quick, say }) => {
  const count = quick ? 256 : 4_096
  const rounds = quick ? 1 : 9
  const changes = quick ? 20 : 500
  say(`${count} records, ${rounds} rounds; ${changes} changes`)
  const merging: number[] = []
  const deltas = deltasOf(count)
  let agent = new Station()
  // The first round runs on code that no engine has compiled yet, as that of an agent that starts.
  for (let round = 0; round < rounds; round += 1) {
    agent = new Station()
    const startedAt = now()
    for (const delta of deltas) agent.take(delta)
    merging.push(now() - startedAt)
    agent.expectRoutes(count)
  }
  const changing: number[] = []
  for (let change = 0; change < changes; change += 1) {
    const event = changeOf(change, count)
    const startedAt = now()
    agent.take(event)
    changing.push(now() - startedAt)
    agent.expectRoutes(count + change + 1)
  }
  return {
    figures: [
      figure(`merge ${count} records and converge`, 'ms', merging),
      figure('the same on cold code', 'ms', merging.slice(0, 1)),
      figure(`one changed record of ${count}`, 'ms', changing, { goal: { medianMax: 1 } }),
    ],
    notes: [
      'event to all effects, the answers of a kernel that costs nothing included; decoding and signatures are not',
    ],
  }
}

/** An agent with a kernel that does at once whatever it is asked for, and forgets it. */
class Station {
  readonly #agent: Agent
  #routes = 0

  constructor() {
    this.#agent = new Agent(config, nothing, Math.random, now())
    this.take({ type: 'started' })
    this.take({ type: 'peer-connected', peer: neighbour, address: '' })
  }

  /** Steps an event and all that follows from it. */
  take(event: Event): void {
    for (let events = [event]; events.length > 0; ) {
      const effects = events.flatMap((each) => this.#agent.step(each, now()))
      events = effects.flatMap((effect) => this.#answer(effect) ?? [])
    }
  }

  expectRoutes(count: number): void {
    if (this.#routes !== count) throw new Error(`${this.#routes} routes instead of ${count}`)
  }

  #answer(effect: Effect): Event | undefined {
    switch (effect.type) {
      case 'locate-uplink':
        return { type: 'uplink-located', uplink: { ...uplink, nextHops: [address] } }
      case 'dump-kernel':
        return {
          type: 'kernel-dumped',
          dump: {
            routes: [],
            links: [{ ...uplink, up: true, carrier: true }],
            addresses: [{ ifindex: uplink.ifindex, address, length: 16 }],
          },
        }
      case 'look-up-next-hops':
        return {
          type: 'next-hops-looked-up',
          answers: effect.questions.map((question) => ({ question, ifindex: uplink.ifindex })),
        }
      case 'look-up-usage':
        return {
          type: 'usage-looked-up',
          answers: effect.questions.map((question) => ({ question, use: { type: 'ours' } })),
        }
      case 'apply-routes':
        for (const { type } of effect.changes) this.#routes += type === 'add' ? 1 : -1
        return {
          type: 'routes-applied',
          results: effect.changes.map((change) => ({ change, outcome: 'done', error: '' })),
        }
      case 'check-forwarding':
        return { type: 'forwarding-checked', answer: { restored: [], error: '' } }
      default:
        return undefined
    }
  }
}

const nothing: Snapshot = {
  own: { entry: undefined, incarnation: 0, announced: [], gateways: [] },
  known: [],
  leases: { leases: [], resting: [] },
}

const config: CoreConfig = {
  self: recordOf(60_000).origin,
  name: 'bench',
  cluster,
  software: 'bench',
  seal: (body) => ({ body, envelope: new Uint8Array(), hash: '0'.repeat(64) }),
  wallOffsetMs: 0,
  pools,
  accept: [prefixOf('192.168.0.0/16')],
  announce: [],
  reserve: [],
  bootId: 'boot',
  bridge: '',
  metric: { 4: 0, 6: 1_024 },
  port: 7871,
  seeded: true,
  timing: defaultTiming,
  limits: defaultLimits,
}

function deltasOf(count: number): Event[] {
  const events: Event[] = []
  for (let from = 0; from < count; from += recordsPerDelta) {
    const size = Math.min(recordsPerDelta, count - from)
    const carried = Array.from({ length: size }, (_, index) => ({
      entry: unsigned(recordOf(from + index)),
      remainMs: Number.POSITIVE_INFINITY,
    }))
    const last = from + size === count
    const message = { type: 'delta', carried, want: [], last } as const
    events.push({ type: 'sync-received', peer: neighbour, message })
  }
  return events
}

/** Some node announces one prefix more. */
function changeOf(change: number, count: number): Event {
  const index = (change * 37) % count
  const entry = unsigned(
    recordOf(index, {
      version: { incarnation: 1, seqno: 2 + Math.floor((change * 37) / count) },
      extras: [prefixOf(`192.168.${change >> 8}.${change & 255}/32`)],
    }),
  )
  const from: NodeId = entry.body.origin
  return { type: 'gossip-received', id: change, from, entry }
}
