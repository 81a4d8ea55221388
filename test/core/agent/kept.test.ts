/** A partition in which two nodes granted addresses of one subnet: what becomes of them afterwards. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { packAddresses } from '../../../src/core/ip/address-list.ts'
import { requestOf } from '../ipam/desk.ts'
import { addressOf, nodesInOrder, prefixOf, recordOf, type Specimen } from '../specimens.ts'
import { type Host, Table } from './harness.ts'

const subnet = prefixOf('172.16.0.0/22')
const [low, ...nodes] = nodesInOrder(5) as [Specimen, ...Specimen[]]

let containers = 0
function grant(table: Table, host: Host, addresses: readonly string[] = []): string {
  containers += 1
  const request = requestOf(`c${containers}`, { addresses })
  const id = host.command({ type: 'allocate', request })
  table.settle()
  const result = host.replies.get(id)
  if (!result) return 'no answer'
  if (!result.ok) return result.code
  return result.leases?.map(({ address }) => address.text).join(' ') ?? ''
}

const keptBy = (host: Host): string[] =>
  host.agent
    .view()
    .routes.filter(({ kind }) => kind === 'kept')
    .map(({ prefix, name, wanted }) => `${prefix.text} ${name} ${wanted?.type}`)

/** Two nodes with one subnet and a container each, and a third one, before they meet. */
function apart(): { table: Table; hosts: readonly Host[]; granted: readonly string[] } {
  const table = new Table()
  const hosts = nodes.slice(0, 3).map((node) => table.running(node))
  const [first, second] = hosts as [Host, Host]
  table.pass(6_000)
  const granted = [grant(table, first, ['172.16.0.20']), grant(table, second, ['172.16.0.30'])]
  table.pass(1_000)
  return { table, hosts, granted }
}

/** The same after they have met. */
function joined() {
  const { table, hosts, granted } = apart()
  table.connectAll()
  table.pass(10_000)
  const holder = hosts.find(({ claims }) => claims[0]?.startsWith(subnet.text)) as Host
  const [loser, third] = hosts.filter((host) => host !== holder) as [Host, Host]
  const isFirst = loser === hosts[0]
  const lost = loser === hosts[2] ? '' : (granted[isFirst ? 0 : 1] ?? '')
  return { table, holder, loser, third, address: lost }
}

describe('an address of a lost subnet', () => {
  it('is routed to the host of its container everywhere, and granted to nobody else', () => {
    const { table, holder, loser, third, address } = joined()
    assert.deepEqual(keptBy(loser), [`${address}/32 ${loser.node.name} on-link`])
    for (const host of [holder, third]) {
      assert.deepEqual(keptBy(host), [`${address}/32 ${loser.node.name} via`])
    }
    assert.equal(grant(table, holder, [address]), 'address-taken')
  })

  it('is granted to nobody else by a holder that was killed before it had stored who keeps it', () => {
    const { table, holder, loser, third, address } = joined()
    holder.stored = { ...holder.stored, known: [] }
    holder.restart({ seeded: true })
    table.settle()
    assert.equal(holder.agent.view().phase, 'joining')
    assert.equal(grant(table, holder, [address]), 'address-taken')
    table.connectAll()
    table.pass(10_000)
    assert.deepEqual(keptBy(third), [`${address}/32 ${loser.node.name} via`])
    assert.deepEqual(loser.notes('address-lost'), [])
  })

  it('stays where it is once the holder has left', () => {
    const { table, holder, loser, third, address } = joined()
    const liar = recordOf(low, { kept: [packAddresses(subnet, [addressOf(address)])] })
    for (const host of [holder, loser, third]) host.hear(low.seal(liar))
    table.pass(5_000)
    holder.command({ type: 'leave', force: true })
    table.pass(5_000)
    assert.deepEqual(keptBy(third), [`${address}/32 ${loser.node.name} via`])
    assert.deepEqual(keptBy(loser), [`${address}/32 ${loser.node.name} on-link`])
  })

  it('ends with its lease', () => {
    const { table, holder, loser, third } = joined()
    const [kept] = loser.agent.view().kept
    assert.ok(kept)
    const { attachment } = kept.lease
    loser.command({ type: 'release', attachment, address: undefined })
    table.pass(2_000)
    for (const host of [holder, loser, third]) assert.deepEqual(keptBy(host), [])
    assert.deepEqual(
      loser
        .of('configure-bridge')
        .at(-1)
        ?.addresses.map(({ address }) => address.text),
      loser.agent.view().ipam.subnets.map(({ gateway }) => gateway.text),
    )
  })
})

describe('a member that says what it likes', () => {
  it('gets no gateway address of another subnet, and none of which a container is known', () => {
    const { table, holder, loser, third } = joined()
    const used = grant(table, holder)
    const wanted = ['172.16.0.0', '172.16.0.1', used, '172.16.3.255'].sort(
      (a, b) => Number(addressOf(a).value) - Number(addressOf(b).value),
    )
    const before = keptBy(third)
    const said = recordOf(low, { kept: [packAddresses(subnet, wanted.map(addressOf))] })
    for (const host of [holder, loser, third]) host.hear(low.seal(said))
    table.pass(5_000)
    assert.deepEqual(keptBy(third), before)
  })

  it('fills no kernel with what lies in no subnet of ours', () => {
    const { table, holder, loser, third } = joined()
    const before = third.routes
    const wide = prefixOf('172.24.0.0/16')
    const all = Array.from({ length: 200 }, (_, at) => addressOf(`172.24.0.${at + 2}`))
    const said = recordOf(low, { kept: [packAddresses(wide, all)] })
    for (const host of [holder, loser, third]) host.hear(low.seal(said))
    table.pass(5_000)
    assert.deepEqual(third.routes, before)
    assert.ok(third.notes('route-refused').every(({ kind }) => kind !== 'kept'))
  })
})
