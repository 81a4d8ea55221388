import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Neighbour } from '../../../src/core/event.ts'
import { nodeOf } from '../specimens.ts'
import { type Host, Table } from './harness.ts'

const [a, b] = [nodeOf(1), nodeOf(2)]
const neighbour: Neighbour = { address: '10.0.1.9', port: 7871 }

const hear = (host: Host, ...neighbours: readonly Neighbour[]) =>
  host.push({ type: 'neighbours-heard', neighbours })

const inSync = (host: Host) => host.notes('in-sync').map(({ by }) => by)
const sought = (host: Host) =>
  host.of('seek').map(({ neighbours }) => neighbours.map(({ address }) => address))

describe('an agent that looks for others on its LAN', () => {
  it('claims alone where nobody is heard within three seconds, and calls that no problem', () => {
    const table = new Table()
    const host = table.host(a, { discovers: true }).start()
    table.pass(2_900)
    assert.deepEqual(host.claims, [])
    table.pass(1_000)
    assert.deepEqual(inSync(host), ['nobody-heard'])
    assert.deepEqual(host.agent.view().problems, [])
  })

  it('dials whom it hears at once, and waits for them as for a seed, no longer', () => {
    const table = new Table()
    const host = table.host(a, { discovers: true }).start()
    table.pass(1_000)
    hear(host, neighbour)
    table.pass(28_000)
    assert.deepEqual(sought(host), [['10.0.1.9']])
    assert.deepEqual(host.claims, [])
    table.pass(2_000)
    assert.deepEqual(inSync(host), ['timeout'])
  })

  it('is not held up by one whose handshake fails', () => {
    const table = new Table()
    const host = table.host(a, { discovers: true }).start()
    table.settle()
    hear(host, neighbour)
    const trouble = {
      code: 'handshake-failed',
      subject: '10.0.1.9',
      reason: '',
      active: true,
    } as const
    host.push({ type: 'trouble-reported', trouble: { ...trouble, heard: true } })
    table.pass(4_000)
    assert.deepEqual(host.claims.length, 1)
    const codes = host.agent.view().problems.map(({ code }) => code)
    assert.ok(codes.includes('handshake-failed') && !codes.includes('join-held'), `${codes}`)
  })

  it('joins by the first whom it is connected to', () => {
    const table = new Table()
    const peer = table.running(b)
    table.pass(1_000)
    const host = table.host(a, { discovers: true }).start()
    table.settle()
    table.connect(host, peer)
    table.pass(1_000)
    assert.deepEqual(inSync(host), ['peer'])
    assert.deepEqual(host.claims, ['172.16.4.0/22'])
  })

  it('in a cluster leaves members alone, and strangers the time to join by themselves', () => {
    const table = new Table()
    const host = table.running(a, { discovers: true })
    const peer = table.running(b)
    table.connect(host, peer)
    table.pass(15_000)
    const member = { address: b.nextHop.text, port: 7946 }
    const { length } = host.of('seek')
    hear(host, member, neighbour)
    table.pass(4_900)
    assert.equal(host.of('seek').length, length)
    table.pass(6_000)
    assert.deepEqual(sought(host).at(-1), ['10.0.1.9'])
    hear(host, member)
    table.settle()
    assert.deepEqual(sought(host).at(-1), [], 'who is gone is not dialled from that moment on')
    assert.equal(host.agent.view().discovery?.heard, 1)
  })

  it('that has seeds waits for them as long as ever', () => {
    const table = new Table()
    const host = table.host(a, { discovers: true, seeded: true }).start()
    table.pass(29_000)
    assert.deepEqual(host.claims, [])
    table.pass(1_500)
    assert.deepEqual(inSync(host), ['timeout'])
  })
})
