/** How effects are performed: what comes first, what waits, and what a failure turns into. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Effect, OwnState } from '../../src/core/effect.ts'
import type { Event } from '../../src/core/event.ts'
import type { RouteChange } from '../../src/core/routing/route.ts'
import { noAnswers } from '../../src/core/routing/route.ts'
import type { Firewall } from '../../src/ports/firewall.ts'
import type { Kernel } from '../../src/ports/kernel.ts'
import type { LeaseStore } from '../../src/ports/lease-store.ts'
import type { Store } from '../../src/ports/store.ts'
import type { Transport } from '../../src/ports/transport.ts'
import { EffectRunner } from '../../src/runtime/effect-runner.ts'
import { addressOf, nodeOf, prefixOf, recordOf } from '../core/specimens.ts'

const node = nodeOf(1)
const entry = node.seal(recordOf(node))

const ownAt = (incarnation: number): OwnState => ({
  entry,
  incarnation,
  announced: [],
  gateways: [],
})
const persist = (incarnation: number): Effect => ({ type: 'persist-own', own: ownAt(incarnation) })
const publish: Effect = { type: 'publish', entry }
const reply: Effect = { type: 'reply', id: 7, result: { ok: true, message: '' } }
const dump: Effect = { type: 'dump-kernel' }
const change: RouteChange = { type: 'remove', key: { prefix: prefixOf('10.0.0.0/8'), metric: 0 } }
const apply: Effect = { type: 'apply-routes', changes: [change] }
const question = { nextHop: addressOf('10.0.0.1'), ifindex: 0 }
const lookUp: Effect = { type: 'look-up-next-hops', questions: [question] }
const bridge: Effect = {
  type: 'configure-bridge',
  name: 'br0',
  addresses: [],
  former: [],
  answers: noAnswers,
}
const forwarding: Effect = { type: 'check-forwarding', families: [4], links: [] }
const firewall: Effect = {
  type: 'configure-firewall',
  wanted: { masquerade: undefined, opening: undefined },
}
const locate: Effect = { type: 'locate-uplink', subnets: [] }

/** Ports that write down what was asked of them, and answer when the test lets them. */
class Ports {
  readonly log: string[] = []
  readonly events: Event[] = []
  /** Of writes of routes. */
  readonly timed: string[] = []
  readonly #open: { what: string; resolve: () => void; reject: (error: unknown) => void }[] = []
  readonly runner: EffectRunner
  /** What is not answered by itself. */
  readonly held = new Set<string>()

  constructor() {
    const kernel: Kernel = {
      start: () => Promise.resolve(),
      stop: () => Promise.resolve(),
      dump: () => this.#asked('dump', { routes: [], links: [], addresses: [] }),
      apply: (changes) =>
        this.#asked(
          'apply',
          changes.map((made) => ({ change: made, outcome: 'done' as const, error: '' })),
        ),
      lookUpNextHops: () => this.#asked('look-up', []),
      locateUplink: () => this.#asked('locate', { ifindex: 2, name: 'eth0', nextHops: [] }),
      configureBridge: () => this.#asked('bridge', ''),
      lookUpUsage: () => this.#asked('usage', []),
      probeNeighbours: () => this.#asked('probe', []),
      checkForwarding: () => this.#asked('forwarding', { restored: [], error: '' }),
    }
    const store: Store = {
      load: () => Promise.resolve({ own: ownAt(0), known: [] }),
      persistOwn: ({ incarnation }) => this.#asked(`persist ${incarnation}`, undefined),
      persistKnown: () => this.#asked('remember', undefined),
    }
    const leases: LeaseStore = {
      commit: (changes) => this.#asked(`leases ${changes.length}`, undefined),
      replace: (changes) => this.#asked(`leases anew ${changes.length}`, undefined),
    }
    const firewall: Firewall = {
      configure: () => this.#asked('firewall', { restored: [], failed: [] }),
      watch: () => undefined,
      stop: () => Promise.resolve(),
    }
    const transport: Transport = {
      start: () => Promise.resolve(),
      stop: () => Promise.resolve(),
      publish: () => this.log.push('publish'),
      judge: (id, verdict) => this.log.push(`judge ${id} ${verdict}`),
      send: (peer, { type }) => this.log.push(`send ${type} ${peer.length > 0}`),
      probe: (peer) => this.log.push(`probe ${peer.length > 0}`),
      digest: (root) => this.log.push(`digest ${root}`),
      disconnect: () => this.log.push('disconnect'),
      connect: (peers) => this.log.push(`connect ${peers.length}`),
      seek: (neighbours) => this.log.push(`seek ${neighbours.length}`),
    }
    this.runner = new EffectRunner({
      kernel,
      store,
      leases,
      containers: { look: () => this.#asked('containers', []) },
      firewall,
      transport,
      telemetry: { note: ({ code }) => this.log.push(`note ${code}`) },
      deliver: (event) => this.events.push(event),
      reply: (id) => this.log.push(`reply ${id}`),
      stop: (exitCode) => this.log.push(`stop ${exitCode}`),
      timeApply: () => {
        this.timed.push('begins')
        return () => this.timed.push('ends')
      },
    })
  }

  /** Answers the oldest question of this kind. */
  answer(what: string, failure?: unknown): void {
    const at = this.#open.findIndex((question) => question.what === what)
    const [question] = at < 0 ? [] : this.#open.splice(at, 1)
    assert.ok(question, `nobody asked: ${what}`)
    if (failure === undefined) question.resolve()
    else question.reject(failure)
  }

  get types(): string[] {
    return this.events.map(({ type }) => type)
  }

  async #asked<T>(what: string, value: T): Promise<T> {
    this.log.push(what)
    if (!this.held.has(what)) return value
    await new Promise<void>((resolve, reject) => this.#open.push({ what, resolve, reject }))
    return value
  }
}

const quiet = () => new Promise<void>((resolve) => setImmediate(resolve))

describe('a batch of effects', () => {
  it('is persisted once, with the last state, before anything else is done', async () => {
    const ports = new Ports()
    ports.held.add('persist 2')
    const performed = ports.runner.perform([reply, persist(1), publish, persist(2), publish])
    await quiet()
    assert.deepEqual(ports.log, ['persist 2'])
    ports.answer('persist 2')
    await performed
    assert.deepEqual(ports.log, ['persist 2', 'reply 7', 'publish', 'publish'])
  })

  it('is published while it is being persisted, once its incarnation is durable, and answered after', async () => {
    const ports = new Ports()
    await ports.runner.perform([persist(1), publish])
    assert.deepEqual(ports.log, ['persist 1', 'publish'])
    ports.log.length = 0
    ports.held.add('persist 1')
    const performed = ports.runner.perform([persist(1), publish, reply])
    await quiet()
    assert.deepEqual(ports.log, ['publish', 'persist 1'])
    ports.answer('persist 1')
    await performed
    assert.deepEqual(ports.log, ['publish', 'persist 1', 'reply 7'])
  })

  it('under a new incarnation is published only when that is durable', async () => {
    const ports = new Ports()
    await ports.runner.perform([persist(1), publish])
    ports.log.length = 0
    ports.held.add('persist 2')
    const performed = ports.runner.perform([persist(2), publish])
    await quiet()
    assert.deepEqual(ports.log, ['persist 2'])
    ports.answer('persist 2')
    await performed
    assert.deepEqual(ports.log, ['persist 2', 'publish'])
  })

  it('that cannot be persisted fails, and nothing of it is done', async () => {
    const ports = new Ports()
    ports.held.add('persist 1')
    const performed = ports.runner.perform([persist(1), publish, reply, apply])
    ports.answer('persist 1', new Error('no space left'))
    await assert.rejects(performed, /no space left/)
    assert.deepEqual(ports.log, ['persist 1'])
  })

  it('without a state to persist waits for no store', async () => {
    const ports = new Ports()
    await ports.runner.perform([publish])
    assert.deepEqual(ports.log, ['publish'])
  })

  it('is done in order, but what is noted comes after what peers and the kernel wait for', async () => {
    const ports = new Ports()
    await ports.runner.perform([
      { type: 'note', note: { code: 'kernel-forbidden' } },
      { type: 'send', peer: node.id, message: { type: 'probe', root: '' } },
      { type: 'connect', peers: [] },
      { type: 'verdict', id: 3, verdict: 'ignore' },
      { type: 'stop', exitCode: 1 },
    ])
    assert.deepEqual(ports.log, [
      'send probe true',
      'connect 0',
      'judge 3 ignore',
      'note kernel-forbidden',
      'stop 1',
    ])
  })
})

describe('the firewall', () => {
  it('is written beside the kernel, which does not wait for it', async () => {
    const ports = new Ports()
    ports.held.add('firewall')
    await ports.runner.perform([firewall, apply])
    await quiet()
    assert.deepEqual(ports.types, ['routes-applied'])
    ports.answer('firewall')
    await quiet()
    assert.deepEqual(ports.types, ['routes-applied', 'firewall-configured'])
  })
})

describe('kernel work', () => {
  it('has begun before anything is logged, where nothing else is under way', async () => {
    const ports = new Ports()
    await ports.runner.perform([{ type: 'note', note: { code: 'kernel-forbidden' } }, apply])
    assert.equal(ports.log.at(-1), 'note kernel-forbidden')
    assert.equal(ports.log.length, 2)
  })

  it('is done one after the other, over batches', async () => {
    const ports = new Ports()
    ports.held.add('apply').add('dump')
    await ports.runner.perform([apply, dump])
    await ports.runner.perform([bridge, forwarding, lookUp])
    await quiet()
    assert.deepEqual(ports.log, ['apply'])
    ports.answer('apply')
    await quiet()
    assert.deepEqual(ports.log, ['apply', 'dump'])
    ports.answer('dump')
    await quiet()
    assert.deepEqual(ports.log, ['apply', 'dump', 'bridge', 'forwarding', 'look-up'])
    assert.deepEqual(ports.types, [
      'routes-applied',
      'kernel-dumped',
      'bridge-configured',
      'forwarding-checked',
      'next-hops-looked-up',
    ])
  })

  it('is timed from its turn on where it writes routes', async () => {
    const ports = new Ports()
    for (const what of ['dump', 'apply']) ports.held.add(what)
    await ports.runner.perform([dump, apply])
    await quiet()
    assert.deepEqual(ports.timed, [], 'the dump comes first')
    ports.answer('dump')
    await quiet()
    assert.deepEqual(ports.timed, ['begins'])
    ports.answer('apply')
    await quiet()
    assert.deepEqual(ports.timed, ['begins', 'ends'])
  })

  it('is not held up by a seed whose name resolves slowly', async () => {
    const ports = new Ports()
    ports.held.add('locate')
    await ports.runner.perform([locate, dump])
    await quiet()
    assert.deepEqual(ports.types, ['kernel-dumped'])
    ports.answer('locate')
    await quiet()
    assert.deepEqual(ports.types, ['kernel-dumped', 'uplink-located'])
  })

  it('that fails becomes an event, and the next is done all the same', async () => {
    const ports = new Ports()
    for (const what of ['apply', 'dump', 'bridge', 'forwarding', 'locate']) ports.held.add(what)
    await ports.runner.perform([apply, dump, bridge, forwarding, locate])
    for (const what of ['apply', 'dump', 'bridge', 'forwarding', 'locate']) {
      await quiet()
      ports.answer(what, new Error(`${what} failed`))
    }
    await quiet()
    const found = new Map(ports.events.map((event) => [event.type, event]))
    assert.deepEqual(found.get('routes-applied'), {
      type: 'routes-applied',
      results: [{ change, outcome: 'failed', error: 'apply failed' }],
    })
    assert.deepEqual(found.get('kernel-unreadable'), {
      type: 'kernel-unreadable',
      reason: 'dump failed',
    })
    assert.deepEqual(found.get('bridge-configured'), {
      type: 'bridge-configured',
      error: 'bridge failed',
    })
    assert.deepEqual(found.get('forwarding-checked'), {
      type: 'forwarding-checked',
      answer: { restored: [], error: 'forwarding failed' },
    })
    const located = found.get('uplink-located')
    assert.deepEqual(located?.type === 'uplink-located' && located.uplink.nextHops, [])
    await ports.runner.perform([publish])
    assert.ok(ports.log.includes('publish'))
  })

  it('that failed to look up next hops is not tried again at once', async () => {
    const ports = new Ports()
    ports.held.add('look-up')
    await ports.runner.perform([lookUp])
    await quiet()
    ports.answer('look-up', 'not even an Error')
    await quiet()
    // A dump at once would ask again at once, and so for ever.
    assert.deepEqual(ports.events, [{ type: 'kernel-unreadable', reason: 'not even an Error' }])
  })
})

describe('the known nodes', () => {
  const remember: Effect = { type: 'persist-known', known: [] }

  it('are stored without waiting, and a failure is a trouble until it works', async () => {
    const ports = new Ports()
    ports.held.add('remember')
    await ports.runner.perform([remember, publish])
    assert.deepEqual(ports.log, ['remember', 'publish'])
    ports.answer('remember', new Error('read-only'))
    await quiet()
    ports.held.clear()
    await ports.runner.perform([remember])
    await quiet()
    assert.deepEqual(
      ports.events.map((event) => event.type === 'trouble-reported' && event.trouble),
      [
        { code: 'store-unwritable', subject: 'known nodes', reason: 'read-only', active: true },
        { code: 'store-unwritable', subject: 'known nodes', reason: '', active: false },
      ],
    )
  })
})
