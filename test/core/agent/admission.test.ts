/** Agents whose operator says who is one of them. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isRecord } from '../../../src/core/claim/record.ts'
import { tombstoneOf as endOf } from '../../../src/core/claim/tombstone.ts'
import type { Command } from '../../../src/core/event.ts'
import {
  addressOf,
  claimOf,
  nodeOf,
  nodesInOrder,
  prefixOf,
  recordOf,
  type Specimen,
  tombstoneOf,
} from '../specimens.ts'
import {
  byToken,
  certificateFor,
  read,
  revocationOf,
  signedMode,
  stranger,
  tokenOf,
} from '../trust/operator.ts'
import { type Host, type HostOptions, Table } from './harness.ts'

const [a, b, c, d] = nodesInOrder(4) as [Specimen, Specimen, Specimen, Specimen]
const day = 24 * 3_600_000
/** As the harness has it. */
const wallMs = 1_700_000_000_000

function cluster(
  nodes: readonly Specimen[],
  certify: (node: Specimen) => Uint8Array | undefined = (node) => certificateFor(node),
  options: HostOptions = {},
): { table: Table; hosts: Host[] } {
  const table = new Table()
  const hosts: Host[] = []
  for (const node of nodes) {
    const seeded = hosts.length > 0
    hosts.push(table.running(node, { seeded, ...signedMode(certify(node)), ...options }))
    table.connectAll()
    table.pass(3_000)
  }
  return { table, hosts }
}

function asked(table: Table, host: Host, command: Command): string {
  const id = host.command(command)
  table.settle()
  const result = host.replies.get(id)
  return result === undefined ? 'no answer' : result.ok ? result.message : result.code
}

const codes = (host: Host) => host.agent.view().problems.map(({ code }) => code)
const names = (host: Host) =>
  host.agent
    .view()
    .nodes.map(({ record }) => record.name)
    .sort()

describe('a cluster of certified nodes', () => {
  it('works as any other', () => {
    const { hosts } = cluster([a, b, c])
    for (const host of hosts) {
      assert.equal(host.routes.length, 2)
      assert.deepEqual(codes(host), [])
      assert.ok(host.agent.view().convergence.converged)
    }
  })

  it('takes no record of a node without a certificate, or with one that says something else', () => {
    const { table, hosts } = cluster([a])
    const [host] = hosts as [Host]
    const claims = [claimOf('172.16.8.0/22')]
    const plain = recordOf(b, { claims })
    for (const [why, record] of [
      ['no-certificate', plain],
      ['forged', { ...plain, certificate: tampered(certificateFor(b)) }],
      ['foreign-operator', { ...plain, certificate: certificateFor(b, {}, stranger) }],
      ['foreign-cluster', { ...plain, certificate: certificateFor(b, { cluster: 'other' }) }],
      ['other-node', { ...plain, certificate: certificateFor(c) }],
      ['malformed', { ...plain, certificate: new Uint8Array([1, 2, 3]) }],
      ['malformed', { ...plain, certificate: revocationOf(b) }],
      ['expired', { ...plain, certificate: certificateFor(b, { notAfterMs: wallMs - 2 * day }) }],
      ['wrong-name', { ...plain, certificate: certificateFor(b, { name: 'else' }) }],
      [
        'wrong-prefix',
        { ...plain, certificate: certificateFor(b, { pinned: [prefixOf('172.16.4.0/22')] }) },
      ],
      [
        'wrong-announce',
        {
          ...plain,
          extras: [prefixOf('192.168.0.0/16')],
          certificate: certificateFor(b, { announce: [prefixOf('192.168.7.0/24')] }),
        },
      ],
    ] as const) {
      host.hear(b.seal(record))
      table.settle()
      assert.deepEqual(host.routes, [], why)
      assert.deepEqual(host.notes('record-refused').at(-1)?.why, why)
      assert.deepEqual(host.of('verdict').at(-1)?.verdict, 'ignore', why)
    }
    assert.deepEqual(names(host), [a.name])
  })

  it('takes what a certificate allows, and a certificate that ended within the last day', () => {
    const { table, hosts } = cluster([a])
    const [host] = hosts as [Host]
    const certificate = certificateFor(b, {
      pinned: [prefixOf('172.16.8.0/22')],
      announce: [prefixOf('192.168.0.0/16')],
      notAfterMs: wallMs - day / 2,
    })
    const claims = [claimOf('172.16.8.0/22')]
    host.hear(b.seal(recordOf(b, { claims, extras: [prefixOf('192.168.7.0/24')], certificate })))
    table.pass(1_000)
    assert.deepEqual(host.routes, [
      `172.16.8.0/22 via ${b.nextHop.text}`,
      `192.168.7.0/24 via ${b.nextHop.text}`,
    ])
  })

  it('puts a node out once its certificate has expired, and a day', () => {
    const { table, hosts } = cluster([a])
    const [host] = hosts as [Host]
    const certificate = certificateFor(b, { notAfterMs: wallMs - day + 120_000 })
    host.hear(b.seal(recordOf(b, { claims: [claimOf('172.16.8.0/22')], certificate })))
    table.pass(60_000)
    assert.equal(host.routes.length, 1)
    table.pass(180_000)
    assert.deepEqual(host.routes, [])
    assert.equal(host.notes('node-expelled')[0]?.why, 'expired')
  })

  it('has room for another node once one is put out', () => {
    const { table, hosts } = cluster([a], undefined, { limits: { nodes: 2, routes: 4 } })
    const [host] = hosts as [Host]
    const isFull = () => host.agent.view().problems.some(({ code }) => code === 'nodes-full')
    const ending = certificateFor(b, { notAfterMs: wallMs - day + 120_000 })
    host.hear(b.seal(recordOf(b, { certificate: ending })))
    host.hear(c.seal(recordOf(c, { certificate: certificateFor(c) })))
    table.pass(60_000)
    assert.ok(isFull())
    table.pass(180_000)
    assert.ok(!isFull())
  })

  it('gives a node the subnet that the operator pinned to it, whoever has held it', () => {
    const subnet = prefixOf('172.16.0.0/22')
    const { table, hosts } = cluster([a, b])
    const [first, second] = hosts as [Host, Host]
    table.pass(120_000)
    assert.deepEqual(first.claims, [subnet.text])
    const late = table.running(c, {
      seeded: true,
      ...signedMode(certificateFor(c, { pinned: [subnet] })),
    })
    table.connectAll()
    table.pass(5_000)
    assert.deepEqual(late.claims, [subnet.text])
    assert.deepEqual(first.claims, ['172.16.8.0/22'])
    assert.ok(second.routes.includes(`${subnet.text} via ${c.nextHop.text}`))
    // Nobody else chooses it while its node is gone.
    for (const host of [first, second]) table.cut(late, host)
    table.pass(60_000)
    assert.match(asked(table, first, { type: 'evict', node: c.name }), /evicted/)
    table.pass(11_000)
    const newcomer = table.running(d, { seeded: true, ...signedMode(certificateFor(d)) })
    table.connect(newcomer, first)
    table.connect(newcomer, second)
    table.pass(5_000)
    assert.notDeepEqual(newcomer.claims, [subnet.text])
  })

  it('takes an eviction from a certified author alone', () => {
    const { table, hosts } = cluster([a])
    const [host] = hosts as [Host]
    const victim = recordOf(b, {
      claims: [claimOf('172.16.8.0/22')],
      certificate: certificateFor(b),
    })
    host.hear(b.seal(victim))
    table.pass(1_000)
    const tombstone = tombstoneOf(victim, c.id)
    host.hear(c.seal(tombstone))
    table.pass(61_000)
    assert.equal(host.routes.length, 1)
    host.hear(c.seal({ ...tombstone, certificate: certificateFor(c) }))
    table.pass(61_000)
    assert.deepEqual(host.routes, [])
  })

  it('does not evict for an author who was revoked before the eviction took effect', () => {
    const { table, hosts } = cluster([a, b, c])
    const [first, second, third] = hosts as [Host, Host, Host]
    const { entry } = third.stored.own
    assert.ok(entry && isRecord(entry))
    for (const host of [first, second]) table.cut(third, host)
    const by = { reason: 'evicted', author: d.id, certificate: certificateFor(d) } as const
    first.hear(d.seal(endOf(entry, by)))
    table.pass(5_000)
    assert.ok(codes(second).includes('eviction-pending'))
    assert.match(asked(table, first, { type: 'install', papers: [revocationOf(d)] }), /revoked/)
    table.pass(180_000)
    for (const host of [first, second]) {
      assert.equal(host.routes.length, 2)
      assert.ok(!codes(host).includes('eviction-pending'))
    }
  })

  it('knows no fence that others refuse, though it is told of its own end', () => {
    const { table, hosts } = cluster([a, b, c])
    const [, , third] = hosts as [Host, Host, Host]
    const { entry } = third.stored.own
    assert.ok(entry && isRecord(entry))
    const forger = nodeOf(950)
    third.hear(forger.seal(endOf(entry, { reason: 'evicted', author: forger.id })))
    table.pass(60_000)
    third.restart()
    table.connectAll()
    table.pass(60_000)
    for (const host of hosts) {
      assert.equal(host.agent.view().fences, 0)
      assert.ok(host.agent.view().convergence.converged)
    }
  })

  it('lets a node leave, and evicts one that is gone', () => {
    const { table, hosts } = cluster([a, b, c])
    const [first, second, third] = hosts as [Host, Host, Host]
    asked(table, second, { type: 'leave' })
    assert.deepEqual(names(first), [a.name, c.name].sort())
    table.cut(first, third)
    table.pass(60_000)
    assert.match(asked(table, first, { type: 'evict', node: c.name }), /evicted/)
    table.pass(11_000)
    assert.deepEqual(names(first), [a.name])
    const late = table.running(d, { seeded: true, ...signedMode(certificateFor(d)) })
    table.connect(first, late)
    table.pass(5_000)
    assert.deepEqual(names(late), [a.name, d.name].sort())
    assert.equal(late.agent.view().root, first.agent.view().root)
  })
})

describe('a node without a certificate', () => {
  it('claims nothing, says which command mends it, and joins once it has one', () => {
    const { table, hosts } = cluster([a])
    const host = table.running(b, { seeded: true, ...signedMode() })
    table.pass(120_000)
    assert.deepEqual([host.claims, host.routes], [[], []])
    assert.deepEqual(codes(host), ['not-admitted-self'])
    assert.deepEqual(host.notes('joined-alone'), [], 'it is not alone, it is not admitted')
    const message = asked(table, host, { type: 'install', papers: [certificateFor(b)] })
    assert.match(message, /installed the certificate/)
    table.connectAll()
    table.pass(3_000)
    assert.deepEqual(host.claims, ['172.16.4.0/22'])
    assert.equal(hosts[0]?.routes.length, 1)
    assert.deepEqual(codes(host), [])
    host.restart(signedMode())
    table.pass(100)
    assert.deepEqual(codes(host), [], 'it keeps its certificate')
  })

  it('is given no certificate that would not admit it', () => {
    const table = new Table()
    const host = table.running(b, { seeded: true, ...signedMode() })
    for (const [code, paper] of [
      ['other-node', certificateFor(a)],
      ['wrong-name', certificateFor(b, { name: 'else' })],
      ['foreign-operator', certificateFor(b, {}, stranger)],
      ['foreign-cluster', certificateFor(b, { cluster: 'other' })],
      ['expired', certificateFor(b, { notAfterMs: wallMs - 2 * day })],
      ['malformed', new Uint8Array([7])],
      ['foreign-operator', revocationOf(a, 2, stranger)],
    ] as const) {
      assert.equal(asked(table, host, { type: 'install', papers: [paper] }), code)
    }
    assert.equal(asked(table, host, { type: 'install', papers: [] }), 'no-paper')
    assert.deepEqual(codes(host), ['not-admitted-self'])
  })

  it('has the subnet that its certificate pins, and announces what that allows', () => {
    const certificate = certificateFor(b, {
      pinned: [prefixOf('172.16.40.0/22')],
      announce: [prefixOf('192.168.7.0/24')],
    })
    const announce = [prefixOf('192.168.7.0/25'), prefixOf('10.9.0.0/16')]
    const { table, hosts } = cluster(
      [a, b],
      (node) => (node === b ? certificate : certificateFor(node)),
      {
        announce,
      },
    )
    const [first, second] = hosts as [Host, Host]
    assert.deepEqual(second.claims, ['172.16.40.0/22'])
    assert.deepEqual(first.routes, [
      `172.16.40.0/22 via ${b.nextHop.text}`,
      `192.168.7.0/25 via ${b.nextHop.text}`,
    ])
    assert.deepEqual(codes(second), ['announce-not-allowed'])
    const prefix = prefixOf('10.8.0.0/16')
    assert.equal(asked(table, second, { type: 'announce', prefix }), 'not-allowed')
  })

  it('moves to the subnet that a later certificate pins', () => {
    const { table, hosts } = cluster([a, b])
    const [first, second] = hosts as [Host, Host]
    const pinned = [prefixOf('172.16.40.0/22')]
    const later = certificateFor(b, { serial: 2, pinned })
    asked(table, second, { type: 'install', papers: [later] })
    table.pass(3_000)
    assert.deepEqual(second.claims, ['172.16.40.0/22'])
    assert.deepEqual(first.routes, [`172.16.40.0/22 via ${b.nextHop.text}`])
    const earlier = certificateFor(b)
    assert.equal(asked(table, second, { type: 'install', papers: [earlier] }), 'older-certificate')
  })
})

describe('a revocation', () => {
  it('puts a node out everywhere, also where it was heard of later, and stays over restarts', () => {
    const { table, hosts } = cluster([a, b, c])
    const [first, second, third] = hosts as [Host, Host, Host]
    for (const host of [first, second]) table.cut(host, third)
    const out = revocationOf(b)
    assert.match(asked(table, first, { type: 'install', papers: [out] }), /the cluster is told/)
    table.pass(100)
    assert.deepEqual(first.routes, [`172.16.8.0/22 via ${c.nextHop.text}`])
    assert.deepEqual(
      first.of('disconnect').map(({ peer }) => peer),
      [b.id],
    )
    assert.deepEqual(codes(second), ['not-admitted-self'], 'it heard the word about itself')
    table.cut(first, second)
    assert.equal(third.routes.length, 2)
    table.connect(first, third)
    table.pass(1_000)
    assert.deepEqual(third.routes, [`172.16.0.0/22 via ${a.nextHop.text}`])
    for (const host of [first, third]) {
      host.restart()
      table.pass(1_000)
      assert.equal(host.agent.refusal(b.id, certificateFor(b)), 'the operator revoked it')
      host.hear(b.seal(recordOf(b, { certificate: certificateFor(b) })))
      table.pass(100)
      assert.ok(!names(host).includes(b.name))
    }
  })

  it('reaches one that was down, whose kernel then is what it should be', () => {
    const { table, hosts } = cluster([a, b, c])
    const [first, second, third] = hosts as [Host, Host, Host]
    for (const host of [first, second]) table.cut(host, third)
    asked(table, first, { type: 'install', papers: [revocationOf(b)] })
    table.cut(first, second)
    table.pass(1_000)
    third.restart({ seeded: true })
    table.connect(first, third)
    table.pass(10_000)
    assert.deepEqual(third.routes, [`172.16.0.0/22 via ${a.nextHop.text}`])
    const { convergence } = third.agent.view()
    assert.deepEqual(convergence, {
      claimed: true,
      digestsEqual: true,
      kernelEqual: true,
      converged: true,
    })
  })

  it('ends what was signed before it, and not what is signed later', () => {
    const { table, hosts } = cluster([a, b])
    const [first, second] = hosts as [Host, Host]
    asked(table, first, { type: 'install', papers: [revocationOf(b, 5)] })
    const again = certificateFor(b, { serial: 6 })
    assert.match(asked(table, second, { type: 'install', papers: [again] }), /installed/)
    table.pass(3_000)
    assert.equal(first.routes.length, 1)
    assert.deepEqual(codes(second), [])
  })

  it('by another operator is worth nothing', () => {
    const { table, hosts } = cluster([a, b])
    const [first] = hosts as [Host]
    first.push({
      type: 'sync-received',
      peer: b.id,
      message: { type: 'papers', papers: [revocationOf(b, 9, stranger), new Uint8Array(3)] },
    })
    table.settle()
    assert.equal(first.routes.length, 1)
  })
})

describe('a join token', () => {
  it('admits one node, the same everywhere, and says loudly where two came by it', () => {
    const token = tokenOf(7)
    const outcomes = [
      [b, c],
      [c, b],
    ].map((order) => {
      const { table, hosts } = cluster([a])
      const [host] = hosts as [Host]
      for (const node of order) {
        const claims = [claimOf(node === b ? '172.16.8.0/22' : '172.16.12.0/22')]
        host.hear(node.seal(recordOf(node, { claims, certificate: byToken(token, node) })))
        table.pass(1_000)
      }
      const said = host.notes('token-used-twice')[0]
      assert.deepEqual(
        [said?.admittedName, said?.refusedName].sort(),
        [b.name, c.name].sort(),
        'both are named',
      )
      assert.ok(codes(host).includes('token-used-twice'))
      assert.deepEqual(names(host), [a.name, said?.admittedName].sort())
      assert.equal(host.routes.length, 1)
      const refused = said?.refused === b.id ? b : c
      asked(table, host, { type: 'install', papers: [revocationOf(refused, 9)] })
      assert.ok(!codes(host).includes('token-used-twice'), 'the operator has decided')
      return said?.admitted
    })
    assert.equal(outcomes[0], outcomes[1])
  })

  it('admits none once it is revoked, and a certificate of its own goes before it', () => {
    const token = tokenOf(8)
    const { table, hosts } = cluster([a, b], (node) =>
      node === a ? certificateFor(a) : byToken(token, node),
    )
    const [first, second] = hosts as [Host, Host]
    assert.equal(first.routes.length, 1)
    const paper = read(byToken(token, b))
    assert.ok(typeof paper === 'object' && paper.kind === 'certificate' && paper.token)
    const out = revocationOf({ id: paper.token })
    asked(table, first, { type: 'install', papers: [out] })
    table.pass(100)
    assert.deepEqual(first.routes, [])
    const own = certificateFor(b, { serial: 3 })
    asked(table, second, { type: 'install', papers: [own] })
    table.pass(3_000)
    assert.equal(first.routes.length, 1)
  })
})

describe('what an operator sees', () => {
  it('is who was refused at the door, once for each address, until it comes in', () => {
    const { table, hosts } = cluster([a])
    const [host] = hosts as [Host]
    const none = new Uint8Array()
    for (const port of [1, 2]) {
      const address = `10.0.1.9:${port}`
      host.push({ type: 'peer-refused', peer: b.id, address, certificate: none })
    }
    table.settle()
    assert.equal(host.notes('peer-refused').length, 1)
    assert.deepEqual(codes(host), ['peer-refused'])
    for (let n = 0; n < 100; n += 1) {
      const address = `10.0.2.${n}:1`
      host.push({ type: 'peer-refused', peer: c.id, address, certificate: none })
    }
    table.settle()
    assert.equal(codes(host).length, 16, 'strangers do not fill the list')
    host.push({ type: 'peer-connected', peer: b.id, address: '10.0.1.9:5' })
    table.settle()
    assert.equal(codes(host).length, 15)
    table.pass(700_000)
    assert.deepEqual(codes(host), [])
  })

  it('is that admission is open where the internet may reach it', () => {
    const open = (listen: string) => ({
      admission: { mode: 'open' as const, read, listen: [addressOf(listen)] },
    })
    const table = new Table()
    assert.deepEqual(codes(table.running(a, open('0.0.0.0'))), [])
    assert.deepEqual(codes(table.running(b, open('127.0.0.1'))), [])
    assert.deepEqual(codes(table.running(c, open('192.0.2.1'))), ['open-admission'])
    const atHome = table.running(b, open('10.0.0.1'))
    atHome.push({
      type: 'uplink-located',
      uplink: { ifindex: 2, name: 'wan0', nextHops: [addressOf('192.0.2.1')] },
    })
    table.settle()
    assert.deepEqual(codes(atHome), [], 'nobody reaches it at its next hop')
  })
})

/** The last byte is of the signature. */
function tampered(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(bytes)
  copy[copy.length - 1] = (copy.at(-1) ?? 0) ^ 1
  return copy
}
