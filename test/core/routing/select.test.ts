/** Which routes a host wants, and for which it has a reason not to. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { NodeRecord } from '../../../src/core/claim/record.ts'
import { type RoutePolicy, select } from '../../../src/core/routing/select.ts'
import {
  addressOf,
  claimOf,
  defaultPool,
  nodesInOrder,
  poolOf,
  prefixOf,
  recordOf,
  type Specimen,
} from '../specimens.ts'

const [self, low, high] = nodesInOrder(3) as [Specimen, Specimen, Specimen]

const openPolicy: RoutePolicy = {
  self: self.id,
  pools: [defaultPool],
  accept: ['172.16.0.0/12', '10.0.0.0/8', '192.168.0.0/16', 'fd00::/8'].map(prefixOf),
  guards: () => false,
  isLocal: () => false,
  isInNetwork: () => false,
  isOwnAddress: () => false,
  hasBridge: true,
  isGone: () => false,
}

interface Situation {
  /** Who holds a subnet that overlaps it. */
  readonly held?: { by: Specimen; prefix: string }
  /** What contains it, and who announces that. */
  readonly within?: { prefix: string; by: Specimen }
  readonly claim?: { of: Specimen; state?: 'tentative' | 'confirmed' }
  readonly announcers?: readonly Specimen[]
  readonly keeper?: Specimen
  readonly policy?: Partial<RoutePolicy>
  readonly record?: Partial<NodeRecord>
}

function selected(text: string, situation: Situation) {
  const { claim, announcers, keeper, policy, record, held, within } = situation
  const prefix = prefixOf(text)
  const holder = held && {
    origin: held.by.id,
    claim: claimOf(held.prefix, { state: 'confirmed' as const }),
    standing: 'winner' as const,
  }
  const broader = within ? [{ prefix: prefixOf(within.prefix), nodes: [within.by.id] }] : []
  return select(
    {
      prefix,
      winner: claim && {
        origin: claim.of.id,
        claim: claimOf(text, { state: claim.state ?? 'confirmed' }),
        standing: 'winner',
      },
      announcers: (announcers ?? []).map(({ id }) => id),
      keeper: keeper?.id,
      world: { holder: () => holder, broader: () => broader },
      record: (origin) => {
        const node = [self, low, high].find(({ id }) => id === origin)
        return node && recordOf(node, record)
      },
    },
    { ...openPolicy, ...policy },
  )
}

function outcome(text: string, situation: Situation): string {
  const route = selected(text, situation)
  if (!route) return 'none'
  const { kind, outcome: found } = route
  if ('onBridge' in found) return `${kind} on the bridge`
  return 'hop' in found ? `${kind} via ${found.hop.address.text}` : `${kind}: ${found.refusal}`
}

const subnet = '172.16.4.0/22'
const viaLow = `via ${low.nextHop.text}`

describe('the route to a subnet', () => {
  it('leads to the node that holds it', () => {
    assert.equal(outcome(subnet, { claim: { of: low } }), `claim ${viaLow}`)
  })

  it('is none while the claim is tentative, or nobody claims it', () => {
    assert.equal(outcome(subnet, { claim: { of: low, state: 'tentative' } }), 'none')
    assert.equal(outcome(subnet, {}), 'none')
  })

  it('is none for what this node holds itself', () => {
    assert.equal(outcome(subnet, { claim: { of: self } }), 'none')
    assert.equal(outcome(subnet, { claim: { of: self }, announcers: [low] }), 'none')
  })

  it('goes before an extra prefix that equals it', () => {
    assert.equal(
      outcome(subnet, { claim: { of: high }, announcers: [low] }),
      `claim via ${high.nextHop.text}`,
    )
  })

  it('needs no place on the accept list, but one in a pool of this node', () => {
    const claim = { of: low }
    assert.equal(outcome(subnet, { claim, policy: { accept: [] } }), `claim ${viaLow}`)
    const pools = [poolOf('172.16.0.0/12', 20)]
    assert.equal(outcome(subnet, { claim, policy: { accept: [], pools } }), 'claim: other-pool')
    assert.equal(outcome(subnet, { claim, policy: { pools } }), `claim ${viaLow}`)
  })

  it('is refused where it would take what this host uses itself', () => {
    const claim = { of: low }
    assert.equal(outcome(subnet, { claim, policy: { guards: () => true } }), 'claim: own-address')
    assert.equal(
      outcome(subnet, { claim, policy: { isLocal: () => true } }),
      'claim: local-network',
    )
    const isOwnAddress = () => true
    assert.equal(outcome(subnet, { claim, policy: { isOwnAddress } }), 'claim: own-address')
  })

  it('is unreachable, and not refused, where its holder was this host before it was set up anew', () => {
    const claim = { of: low }
    const policy = { isOwnAddress: () => true, isGone: () => true }
    const found = selected(subnet, { claim, policy })?.outcome
    assert.ok(found && 'isGone' in found && found.isGone)
  })

  it('is refused without a next hop of its family', () => {
    const claim = { of: low }
    assert.equal(outcome(subnet, { claim, record: { nextHops: [] } }), 'claim: no-next-hop')
    const nextHops = [addressOf('fd00::1')]
    assert.equal(outcome(subnet, { claim, record: { nextHops } }), 'claim: no-next-hop')
  })
})

describe('the route to an extra prefix', () => {
  const announcers = [high, low]

  it('leads to the lowest node that announces it', () => {
    assert.equal(outcome('192.168.7.0/24', { announcers }), `extra ${viaLow}`)
    assert.equal(outcome('192.168.7.0/24', { announcers: [low, high] }), `extra ${viaLow}`)
  })

  it('is none where this node announces it, too', () => {
    assert.equal(outcome('192.168.7.0/24', { announcers: [low, self] }), 'none')
    assert.equal(outcome('192.168.7.0/24', { announcers: [self, high] }), 'none')
  })

  it('is refused outside the accept list', () => {
    assert.equal(outcome('8.8.8.0/24', { announcers }), 'extra: accept-list')
    assert.equal(outcome('172.0.0.0/8', { announcers }), 'extra: accept-list')
  })

  it('is refused where it is so broad that it takes the world, whatever the list says', () => {
    const accept = ['0.0.0.0/0', '::/0'].map(prefixOf)
    for (const text of ['0.0.0.0/0', '0.0.0.0/1', '10.0.0.0/7', '::/0', 'fc00::/7', 'fd00::/15']) {
      assert.equal(outcome(text, { announcers, policy: { accept } }), 'extra: accept-list', text)
    }
    assert.equal(outcome('11.0.0.0/8', { announcers, policy: { accept } }), `extra ${viaLow}`)
  })

  it('stands inside a subnet only for the node that holds it', () => {
    const part = '172.16.4.128/25'
    const held = { by: high, prefix: subnet }
    assert.equal(outcome(part, { announcers: [high], held }), `extra via ${high.nextHop.text}`)
    assert.equal(outcome(part, { announcers: [low], held }), 'extra: inside-subnet')
    assert.equal(outcome(part, { announcers, held }), `extra via ${high.nextHop.text}`)
    assert.equal(outcome(part, { announcers: [self], held }), 'none')
    assert.equal(
      outcome(part, { announcers: [self, high], held }),
      `extra via ${high.nextHop.text}`,
      'this node may not announce it',
    )
    const ours = { by: self, prefix: subnet }
    assert.equal(outcome(part, { announcers: [low], held: ours }), 'extra: inside-subnet')
    assert.equal(outcome(subnet, { announcers: [low], held }), 'extra: inside-subnet')
  })

  it('stands nowhere else in a pool, and may be broader than it', () => {
    assert.equal(outcome('172.20.0.0/16', { announcers }), 'extra: inside-pool')
    assert.equal(outcome('172.16.0.0/12', { announcers }), 'extra: inside-pool')
    const accept = [prefixOf('172.0.0.0/8')]
    assert.equal(outcome('172.0.0.0/8', { announcers, policy: { accept } }), `extra ${viaLow}`)
  })

  it('stands inside what another node announces only for the lower id', () => {
    const inner = '10.9.1.0/24'
    assert.equal(
      outcome(inner, { announcers: [high], within: { prefix: '10.9.0.0/16', by: low } }),
      'extra: inside-extra',
    )
    assert.equal(
      outcome(inner, { announcers: [low], within: { prefix: '10.9.0.0/16', by: high } }),
      `extra ${viaLow}`,
    )
    assert.equal(
      outcome(inner, { announcers: [high], within: { prefix: '0.0.0.0/0', by: low } }),
      `extra via ${high.nextHop.text}`,
      'what nobody installs is in nobody’s way',
    )
  })

  it('is refused inside a network of the host', () => {
    const policy = { isInNetwork: () => true }
    assert.equal(outcome('192.168.7.0/24', { announcers, policy }), 'extra: inside-network')
    assert.equal(outcome(subnet, { claim: { of: low }, policy }), `claim ${viaLow}`)
  })
})
