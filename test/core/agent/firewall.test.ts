/** What of the host's firewall an agent asks for, and when. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { FirewallConfig } from '../../../src/core/config.ts'
import type { HostFirewall } from '../../../src/core/routing/host-firewall.ts'
import { nodesInOrder, prefixOf, type Specimen } from '../specimens.ts'
import { type Host, type HostOptions, Table } from './harness.ts'

const [a, b] = nodesInOrder(2) as [Specimen, Specimen]

const masquerading: FirewallConfig = { masquerades: true, inside: [], opens: false }

/** Two that know each other, and have subnets. */
function pair(options: HostOptions): { table: Table; first: Host; second: Host } {
  const table = new Table()
  const first = table.running(a, options)
  table.pass(3_000)
  const second = table.running(b, { seeded: true })
  table.connectAll()
  table.pass(3_000)
  return { table, first, second }
}

const wantedBy = (host: Host): HostFirewall | undefined =>
  host.of('configure-firewall').at(-1)?.wanted

function masqueradeOf(host: Host): string {
  const { masquerade } = wantedBy(host) ?? {}
  if (!masquerade) return 'nothing'
  const [sources, inside] = [masquerade.sources, masquerade.inside].map((all) =>
    all.map(({ text }) => text).join(', '),
  )
  return `${sources} but to ${inside}`
}

describe('a firewall that is not configured', () => {
  it('is left alone, whatever happens', () => {
    const { table, first, second } = pair({})
    second.command({ type: 'announce', prefix: prefixOf('192.168.7.0/24') })
    first.push({ type: 'firewall-changed' })
    first.command({ type: 'purge' })
    table.pass(100_000)
    assert.deepEqual(first.of('configure-firewall'), [])
  })
})

describe('masquerading', () => {
  it("is for the own subnet, and for what leaves pools, others' prefixes and the operator's list", () => {
    const inside = ['10.8.0.0/16', '172.20.0.0/16'].map(prefixOf)
    const { table, first, second } = pair({
      firewall: { ...masquerading, inside },
      announce: [prefixOf('192.168.1.0/24')],
    })
    const before = '10.8.0.0/16, 172.16.0.0/12, 192.168.1.0/24'
    assert.equal(masqueradeOf(first), `172.16.0.0/22 but to ${before}`)
    assert.equal(wantedBy(first)?.opening, undefined)
    second.command({ type: 'announce', prefix: prefixOf('192.168.7.0/24') })
    table.pass(1_000)
    assert.equal(masqueradeOf(first), `172.16.0.0/22 but to ${before}, 192.168.7.0/24`)
    second.command({ type: 'withdraw', prefix: prefixOf('192.168.7.0/24') })
    table.pass(1_000)
    assert.equal(masqueradeOf(first), `172.16.0.0/22 but to ${before}`)
  })

  it('goes on for what this node refuses to route to', () => {
    const { table, first, second } = pair({ firewall: masquerading })
    for (const refused of ['0.0.0.0/0', '203.0.113.0/24', '10.0.0.0/16'])
      second.command({ type: 'announce', prefix: prefixOf(refused) })
    table.pass(1_000)
    assert.equal(masqueradeOf(first), '172.16.0.0/22 but to 172.16.0.0/12')
  })

  it('is asked for only where something changes of it', () => {
    const { table, first, second } = pair({ firewall: masquerading })
    table.pass(1_000)
    const asked = first.of('configure-firewall').length
    second.command({ type: 'resync' })
    second.command({ type: 'announce', prefix: prefixOf('172.31.0.0/24') })
    table.pass(5_000)
    assert.equal(first.of('configure-firewall').length, asked)
  })

  it('is not touched by a restarted agent before it is in sync', () => {
    const { table, first } = pair({ firewall: masquerading })
    const asked = first.of('configure-firewall').length
    first.restart({ seeded: true })
    table.pass(10_000)
    assert.equal(first.of('configure-firewall').length, asked)
    first.push({ type: 'firewall-changed' })
    table.connectAll()
    table.pass(2_000)
    assert.equal(masqueradeOf(first), '172.16.0.0/22 but to 172.16.0.0/12')
  })

  it('is gone before a purge or a leave is answered, and back after a resync', () => {
    const { table, first } = pair({ firewall: masquerading })
    const purge = first.command({ type: 'purge' })
    table.settle()
    first.kernelIsSlow = true
    table.pass(1_000)
    assert.equal(masqueradeOf(first), 'nothing')
    first.kernelIsSlow = false
    table.pass(1_000)
    assert.equal(first.replies.get(purge)?.ok, true)
    const asked = first.of('configure-firewall').length
    table.pass(100_000)
    assert.equal(first.of('configure-firewall').length, asked, 'what is gone is not looked after')
    first.command({ type: 'resync' })
    table.pass(1_000)
    assert.equal(masqueradeOf(first), '172.16.0.0/22 but to 172.16.0.0/12')
    first.command({ type: 'leave' })
    table.pass(1_000)
    assert.equal(masqueradeOf(first), 'nothing')
    assert.equal(first.exitCode, 0)
  })

  it('is looked at when others change the firewall, not more often than it can bear, and now and then', () => {
    const { table, first } = pair({ firewall: masquerading })
    table.pass(1_000)
    const count = () => first.of('configure-firewall').length
    const before = count()
    for (let ms = 0; ms < 1_000; ms += 10) {
      first.push({ type: 'firewall-changed' })
      table.pass(10)
    }
    assert.ok(count() > before, 'it is looked at')
    assert.ok(count() <= before + 5, `${count() - before} times in a second`)
    table.pass(1_000)
    const calm = count()
    table.pass(31_000)
    assert.equal(count(), calm + 1)
  })

  it('that fails is a problem, and is tried ever more rarely until it succeeds', () => {
    const table = new Table()
    const first = table.host(a, { firewall: masquerading })
    const error = 'the program nft is not there'
    first.firewallAnswer = { restored: [], failed: [{ part: 'masquerade', error }] }
    first.start()
    table.pass(100_000)
    const codes = () => first.agent.view().problems.map(({ code }) => code)
    assert.deepEqual(codes(), ['firewall-failed'])
    assert.equal(first.notes('firewall-failed').length, 1, 'told once')
    const tries = first.of('configure-firewall').length
    assert.ok(tries > 5 && tries < 12, `${tries}`)
    first.firewallAnswer = { restored: [], failed: [] }
    table.pass(61_000)
    assert.deepEqual(codes(), [])
  })

  it('that cannot be removed keeps nobody from leaving', () => {
    const { table, first } = pair({ firewall: masquerading })
    first.firewallAnswer = { restored: [], failed: [{ part: 'masquerade', error: 'EPERM' }] }
    first.command({ type: 'purge' })
    table.pass(1_000)
    // Held again, with a failure that waits for its retry.
    first.command({ type: 'resync' })
    first.command({ type: 'leave' })
    table.pass(6_000)
    assert.equal(first.exitCode, 0)
  })

  it('that others undid is told', () => {
    const { table, first } = pair({ firewall: masquerading })
    first.firewallAnswer = { restored: ['masquerade'], failed: [] }
    first.push({ type: 'firewall-changed' })
    table.pass(1_000)
    assert.deepEqual(first.notes('firewall-restored'), [
      { code: 'firewall-restored', part: 'masquerade' },
    ])
  })
})

describe('opening the firewall', () => {
  it('is for the bridge and the families of the pools', () => {
    const { first } = pair({ firewall: { masquerades: false, inside: [], opens: true } })
    assert.deepEqual(wantedBy(first), {
      masquerade: undefined,
      opening: { bridge: 'starling0', families: [4] },
    })
  })

  it('is for nothing without a bridge', () => {
    const { first } = pair({
      bridge: '',
      firewall: { masquerades: false, inside: [], opens: true },
    })
    assert.equal(wantedBy(first)?.opening, undefined)
  })
})
