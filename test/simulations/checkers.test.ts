/** Every checker finds what it is there to find: each is given a small world that is broken by hand. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { addressOf, prefixOf } from '../../simulations/literal.ts'
import {
  agreement,
  aliensUntouched,
  claiming,
  convergence,
  inSyncGate,
  noTheft,
  quiet,
  uniqueness,
} from '../../simulations/sim/checkers.ts'
import type { Island, Observed } from '../../simulations/sim/observed.ts'
import type { Scenario } from '../../simulations/sim/scenario.ts'
import { simulate } from '../../simulations/sim/simulate.ts'
import type { Claim, Entry, NodeId, NodeRecord } from '../../src/core/claim/record.ts'
import { type OwnedClaim, resolve } from '../../src/core/claim/resolve.ts'
import type { KernelRoute } from '../../src/core/routing/route.ts'
import type { AgentView } from '../../src/core/view.ts'

const pool = { prefix: prefixOf('172.16.0.0/21'), subnetLength: 22 }
const subnets = ['172.16.0.0/22', '172.16.4.0/22'] as const

interface Sketch {
  readonly claims?: readonly Claim[]
  readonly routes?: readonly KernelRoute[]
  readonly planted?: readonly KernelRoute[]
  readonly root?: string
  /** Origins of the winners in its view. */
  readonly winners?: readonly OwnedClaim[]
}

/** Two hosts, `a` and `b`, each with what the sketch says of it. */
function island(a: Sketch, b: Sketch): Island {
  const hosts = [observed('a', a), observed('b', b)]
  const claims = hosts.flatMap(({ id, own }) =>
    (own?.claims ?? []).map((claim) => ({ origin: id, claim })),
  )
  return {
    hosts,
    standings: resolve(claims, {
      fenceOf: () => 0,
      isOurs: () => true,
      isPinned: () => false,
      isHeld: () => false,
      support: () => 0,
    }),
    records: hosts.flatMap(({ own }) => own ?? []),
    keepers: [],
    recordOf: (origin) => hosts.find(({ id }) => id === origin)?.own,
    isGone: () => false,
    isStrange: () => false,
  }
}

function observed(name: string, sketch: Sketch): Observed {
  const id = name as NodeId
  const own = record(id, sketch.claims ?? [])
  const claims = (sketch.winners ?? []).map(({ origin, claim }) => ({
    origin,
    claim,
    name: origin,
    standing: 'winner' as const,
    lost: undefined,
    own: origin === id,
  }))
  return {
    name,
    id,
    config: { pools: [pool], metric: { 4: 0, 6: 1024 } },
    own,
    routes: sketch.routes ?? [],
    uplink: 2,
    bridge: 3,
    leases: [],
    planted: sketch.planted ?? [],
    view: () => ({ root: sketch.root ?? 'same', claims, kept: [] }) as unknown as AgentView,
  }
}

const record = (origin: NodeId, claims: readonly Claim[]): NodeRecord => ({
  kind: 'record',
  origin,
  cluster: 'test',
  version: { incarnation: 1, seqno: 1 },
  name: origin,
  bootedAtMs: 0,
  nextHops: [hopOf(origin)],
  addresses: [],
  pools: [pool],
  claims,
  extras: [],
  exclusions: [],
  witnessed: [],
  observed: [],
  kept: [],
  awarded: [],
  draining: false,
  software: 'test',
})

const hopOf = (origin: string) => addressOf(origin === 'a' ? '192.168.0.1' : '192.168.0.2')

const claim = (text: string, confirmedAtMs = 1): Claim => ({
  prefix: prefixOf(text),
  fence: 0,
  state: confirmedAtMs > 0 ? 'confirmed' : 'tentative',
  used: false,
  confirmedAtMs,
})

const route = (text: string, to: 'a' | 'b', owned = true): KernelRoute => ({
  prefix: prefixOf(text),
  metric: 0,
  target: { type: 'via', nextHop: hopOf(to), ifindex: 2 },
  owned,
})

const entry = (body: NodeRecord): Entry => ({ body, envelope: new Uint8Array(), hash: '' })

const [first, second] = subnets
const good = [
  { claims: [claim(first)], routes: [route(second, 'b')] },
  { claims: [claim(second)], routes: [route(first, 'a')] },
] as const satisfies readonly Sketch[]

const messages = (violations: readonly { what: string }[]): string =>
  violations.map(({ what }) => what).join('; ')

describe('checkers', () => {
  it('are content with two hosts that are as they should be', () => {
    const world = island(...good)
    for (const check of [agreement, uniqueness, claiming, convergence]) {
      assert.deepEqual(check(world), [], check.name)
    }
    assert.deepEqual(aliensUntouched(world.hosts), [])
  })

  it('agreement finds a differing digest, and differing winners under one digest', () => {
    assert.match(messages(agreement(island(good[0], { ...good[1], root: 'other' }))), /root other/)
    const winners: OwnedClaim[] = [{ origin: 'a' as NodeId, claim: claim(first) }]
    assert.match(messages(agreement(island(good[0], { ...good[1], winners }))), /other winners/)
  })

  it('uniqueness finds two confirmed claims that overlap', () => {
    const both = island({ claims: [claim(first)] }, { claims: [claim(first, 2)] })
    assert.match(messages(uniqueness(both)), /172\.16\.0\.0\/22 is also/)
    const inside = island({ claims: [claim('172.16.0.0/21')] }, { claims: [claim(second)] })
    assert.equal(uniqueness(inside).length, 1)
  })

  it('claiming finds a tentative claim, and none where a subnet is free', () => {
    assert.match(
      messages(claiming(island({ claims: [claim(first, 0)] }, good[1]))),
      /still tentative/,
    )
    assert.match(messages(claiming(island({}, good[1]))), /has free subnets/)
  })

  it('claiming is content with a node that finds the pool full', () => {
    const whole = island(...good)
    const third = observed('c', {})
    assert.deepEqual(claiming({ ...whole, hosts: [...whole.hosts, third] }), [])
  })

  it('convergence finds a missing route, one too many, and one that leads elsewhere', () => {
    const [a, b] = good
    assert.match(
      messages(convergence(island({ ...a, routes: [] }, b))),
      /172\.16\.4\.0.*is missing/,
    )
    const many = { ...a, routes: [...a.routes, route('172.16.8.0/22', 'b')] }
    assert.match(messages(convergence(island(many, b))), /172\.16\.8\.0.*is too many/)
    const astray = { ...a, routes: [route(second, 'a')] }
    assert.match(messages(convergence(island(astray, b))), /leads elsewhere/)
  })

  it('convergence expects no route where an alien is in the way', () => {
    const [a, b] = good
    const blocked = { ...a, routes: [route(second, 'a', false)] }
    assert.deepEqual(convergence(island(blocked, b)), [])
  })

  it('aliens finds an alien that was removed, changed, or made ours', () => {
    const planted = [route('172.17.0.0/16', 'a', false)]
    for (const routes of [
      [],
      [route('172.17.0.0/16', 'b', false)],
      [route('172.17.0.0/16', 'a', true)],
    ]) {
      assert.equal(aliensUntouched([observed('a', { planted, routes })]).length, 1)
    }
  })

  it('quiet finds a counter that moved', () => {
    const before = { kernelWrites: 1, published: 2, gossip: 3 }
    assert.match(messages(quiet('x', before, { ...before, gossip: 4 })), /gossip went from 3 to 4/)
    assert.deepEqual(quiet('x', before, before), [])
  })

  it('no-theft finds a confirmed claim that was given up for nobody', () => {
    const a = 'a' as NodeId
    const change = {
      before: entry(record(a, [claim(first, 1_700_000_000_005)])),
      after: entry(record(a, [claim(second, 0)])),
    }
    const later: OwnedClaim = { origin: 'b' as NodeId, claim: claim(first, 1_700_000_000_006) }
    const earlier: OwnedClaim = { origin: 'b' as NodeId, claim: claim(first, 1_700_000_000_004) }
    const none = { fenceOf: () => 0, support: () => 0 }
    const seen = { ...none, support: ({ origin }: OwnedClaim) => (origin === a ? 0 : 2) }
    assert.deepEqual(noTheft({ name: 'a' }, change, [later], seen), [])
    assert.equal(noTheft({ name: 'a' }, change, [], none).length, 1)
    assert.equal(noTheft({ name: 'a' }, change, [later], none).length, 1)
    assert.deepEqual(noTheft({ name: 'a' }, change, [earlier], none), [])
    assert.deepEqual(noTheft({ name: 'a' }, change, [], { ...none, fenceOf: () => 1 }), [])
  })

  it('in-sync-gate finds a removal before in-sync', () => {
    const removal = { type: 'remove', key: route(first, 'a') } as const
    assert.equal(inSyncGate({ name: 'a' }, false, [removal]).length, 1)
    assert.deepEqual(inSyncGate({ name: 'a' }, true, [removal]), [])
  })
})

describe('a swarm', () => {
  const broken = (play: Scenario['play']): Scenario => ({
    name: 'broken',
    promise: 'something is broken by hand',
    nodesMin: 1,
    seeds: () => [0],
    pool: () => ({ prefix: prefixOf('172.16.0.0/12'), subnetLength: 22 }),
    play,
  })
  const checkersOf = (play: Scenario['play']): string[] => {
    const { violations } = simulate({ scenario: broken(play), nodes: 3, seed: 1 })
    return [...new Set(violations.map(({ checker }) => checker))]
  }

  it('reports who does not run', () => {
    const found = checkersOf((swarm) => {
      swarm.start(swarm.hosts, 0)
      swarm.settle('before')
      swarm.host(1).crash()
      swarm.settle('after', 1_000)
    })
    assert.deepEqual(found, ['running'])
  })

  it('reports that it is not quiet', () => {
    const found = checkersOf((swarm) => {
      swarm.start(swarm.hosts, 0)
      swarm.settle('before')
      swarm.world.after(20_000, () => {
        const route = swarm.host(0).kernel.routes.find(({ owned }) => owned)
        if (route) swarm.host(0).kernel.removeRoute(route)
      })
      swarm.stayQuiet('disturbed')
    })
    assert.deepEqual(found, ['quiet'])
  })

  it('reports an alien that somebody took away', () => {
    const found = checkersOf((swarm) => {
      const alien = {
        prefix: prefixOf('172.20.0.0/16'),
        metric: 0,
        target: { type: 'other', ifindex: 2, text: '' },
      } as const
      swarm.plant(swarm.host(0), alien)
      swarm.start(swarm.hosts, 0)
      swarm.settle('before')
      swarm.host(0).kernel.removeRoute(alien)
      swarm.stayQuiet('after')
    })
    assert.ok(found.includes('aliens'), found.join(', '))
  })
})
