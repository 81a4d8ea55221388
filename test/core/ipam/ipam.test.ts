/** What is granted, in which order, and what becomes of it when the disk does not do its part. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseReserve } from '../../../src/core/ipam/reserve.ts'
import { addressOf, prefixOf } from '../specimens.ts'
import { Desk, textOf } from './desk.ts'

const small = '172.16.8.0/29'

describe('ipam', () => {
  it('grants every address of a /22 but the network, the gateway and the broadcast address', () => {
    const desk = new Desk(['172.16.8.0/22'], { rng: () => 0.7 })
    const granted = new Set<string>()
    for (let index = 0; index < 1_021; index += 1) granted.add(desk.get(`c${index}`))
    assert.equal(granted.size, 1_021)
    for (const never of ['172.16.8.0', '172.16.8.1', '172.16.11.255'])
      assert.ok(!granted.has(never))
    assert.equal(desk.get('one-more'), 'exhausted')
    desk.free('c500')
    assert.match(desk.get('one-more'), /^172/)
  })

  for (const [subnet, all] of [
    ['10.0.0.0/30', ['10.0.0.2']],
    ['fd00::/126', ['fd00::2', 'fd00::3']],
  ] as const) {
    it(`grants ${all.join(' and ')} of ${subnet}, and no more`, () => {
      const desk = new Desk([subnet])
      assert.deepEqual(
        all.map((_, index) => desk.get(`c${index}`)),
        all,
      )
      assert.equal(desk.get('one-more'), 'exhausted')
    })
  }

  it('starts at a random point and lets a released address rest as long as it can', () => {
    const desk = new Desk([small], { rng: () => 0.5 })
    assert.equal(desk.get('a'), '172.16.8.4')
    assert.equal(desk.get('b'), '172.16.8.5')
    desk.free('a')
    desk.free('b')
    // Never used ones first, then the one that was released first.
    assert.deepEqual(
      ['c', 'd', 'e', 'f', 'g'].map((id) => desk.get(id)),
      ['172.16.8.6', '172.16.8.2', '172.16.8.3', '172.16.8.4', '172.16.8.5'],
    )
  })

  it('grants nothing that a container of another node has, and grants it again once that is gone', () => {
    const desk = new Desk([small], { rng: () => 0 })
    for (const id of ['a', 'b', 'c']) desk.get(id)
    desk.free('b')
    desk.ipam.withhold(['172.16.8.3', '172.16.8.5'].map(addressOf))
    const view = desk.ipam.view().subnets[0]
    assert.deepEqual([view?.used, view?.resting, view?.withheld, view?.free], [2, 0, 2, 1n])
    assert.equal(desk.get('d'), '172.16.8.6')
    assert.equal(desk.get('e'), 'exhausted')
    assert.equal(desk.get('e', { addresses: ['172.16.8.5'] }), 'address-taken')
    desk.ipam.withhold([])
    assert.deepEqual(['e', 'f'].map((id) => desk.get(id)).sort(), ['172.16.8.3', '172.16.8.5'])
  })

  it('remembers across a restart in which order addresses were released', () => {
    const desk = new Desk(['172.16.8.0/30'])
    const wide = new Desk([small])
    for (const id of ['a', 'b', 'c', 'd', 'e']) wide.get(id)
    for (const id of ['d', 'b', 'e']) {
      wide.wait(10)
      wide.free(id)
    }
    wide.restart()
    assert.deepEqual(
      ['x', 'y', 'z'].map((id) => wide.get(id)),
      ['172.16.8.5', '172.16.8.3', '172.16.8.6'],
    )
    assert.equal(desk.get('a'), '172.16.8.2')
  })

  it('answers the same request with the same addresses, of all families', () => {
    const desk = new Desk([small, 'fd00:8::/64'])
    const first = desk.get('a')
    assert.equal(first, '172.16.8.2 fd00:8::2')
    assert.equal(desk.get('a'), first)
    desk.restart()
    assert.equal(desk.get('a'), first)
    assert.equal(desk.free('a'), first)
    assert.equal(desk.free('a'), '')
  })

  it('answers twins under one key with one lease, before and after it is durable', () => {
    const desk = new Desk([small])
    const [first, second] = [desk.ask('a'), desk.ask('a')]
    assert.equal(textOf(desk.answer(first)), 'no answer yet')
    desk.writeAll()
    assert.equal(textOf(desk.answer(first)), '172.16.8.2')
    assert.deepEqual(desk.answer(second), desk.answer(first))
  })

  it('grants what is asked for whole or not at all', () => {
    const desk = new Desk([small])
    assert.equal(desk.get('a', { addresses: ['172.16.8.4'] }), '172.16.8.4')
    const refused: readonly [readonly string[], string][] = [
      [['172.16.8.3', '172.16.8.4'], 'address-taken'],
      [['172.16.8.3', '172.16.9.1'], 'address-outside'],
      [['172.16.8.3', '172.16.8.1'], 'address-unusable'],
      [['172.16.8.3', '172.16.8.7'], 'address-unusable'],
      [['fd00::3'], 'address-outside'],
    ]
    for (const [addresses, code] of refused) assert.equal(desk.get('b', { addresses }), code)
    assert.equal(desk.get('b', { addresses: ['172.16.8.3'] }), '172.16.8.3')
    assert.equal(desk.get('b', { addresses: ['172.16.8.5'] }), 'other-address')
    assert.equal(desk.get('c', { families: [6] }), 'no-subnet')
    const { used, resting, free } = desk.ipam.view().subnets[0] ?? assert.fail()
    assert.deepEqual({ used, resting, free }, { used: 2, resting: 0, free: 3n })
  })

  it('releases no other address than the one that is named', () => {
    const desk = new Desk([small])
    desk.get('a')
    assert.equal(desk.free('a', '172.16.8.6'), 'other-address')
    assert.equal(desk.free('a', '172.16.8.2'), '172.16.8.2')
  })

  it('grants reserved addresses only to who names them', () => {
    const reserve = ['+2', '172.16.8.4-172.16.8.5'].map(
      (text) => parseReserve(text) ?? assert.fail(),
    )
    const desk = new Desk([small], { reserve })
    assert.equal(desk.ipam.view().subnets[0]?.free, 2n)
    assert.equal(desk.get('a'), '172.16.8.3')
    assert.equal(desk.get('b', { addresses: ['172.16.8.4'] }), '172.16.8.4')
    assert.equal(desk.ipam.view().subnets[0]?.free, 1n)
    assert.equal(desk.get('c'), '172.16.8.6')
    desk.free('b')
    assert.equal(desk.get('d'), 'exhausted')
    assert.equal(desk.ipam.view().subnets[0]?.free, 0n)
  })

  it('skips a reserve of any size at once', () => {
    const desk = new Desk(['fd00::/64'], { reserve: [parseReserve('fd00::/65') ?? assert.fail()] })
    assert.equal(desk.get('a'), 'fd00::8000:0:0:0')
  })

  it('gives a name its address back while that is free, across a restart too', () => {
    const desk = new Desk([small])
    const web = desk.get('a', { name: 'default/web' })
    desk.free('a')
    desk.get('b')
    desk.restart()
    assert.equal(desk.get('c', { name: 'default/web' }), web)
    assert.notEqual(desk.get('d', { name: 'default/web' }), web)
  })

  it('counts addresses that another container gets within a minute of their release', () => {
    const desk = new Desk(['172.16.8.0/30'])
    const early = () => desk.ipam.view().reusedEarly
    desk.get('a', { name: 'default/web' })
    desk.free('a')
    desk.get('b', { name: 'default/web' })
    desk.free('b')
    desk.get('b')
    assert.equal(early(), 0, 'of one name, and of one container')
    desk.free('b')
    desk.wait(59_000)
    desk.get('c')
    assert.equal(early(), 1)
    desk.free('c')
    desk.wait(60_000)
    desk.get('d')
    assert.equal(early(), 1)
  })

  it('writes what came while the store was busy in one go', () => {
    const desk = new Desk([small])
    desk.ask('a')
    for (const id of ['b', 'c', 'd']) desk.ask(id)
    assert.equal(desk.underWay?.length, 1)
    desk.write()
    assert.equal(desk.underWay?.length, 3)
  })

  it('undoes all that waits when the disk is full, and works on when it is not', () => {
    const desk = new Desk([small])
    desk.get('a')
    const questions = [desk.ask('b'), desk.askRelease('a'), desk.ask('c')]
    desk.write('no space left')
    for (const question of questions)
      assert.equal(textOf(desk.answer(question)), 'leases-unwritable')
    assert.equal(desk.underWay, undefined)
    assert.equal(desk.get('a'), '172.16.8.2', 'what was held still is')
    assert.equal(desk.get('c'), '172.16.8.3', 'what was not granted is free')
  })

  it('answers within two seconds when the disk hangs, and gives nothing out twice', () => {
    const desk = new Desk([small])
    const first = desk.ask('a')
    desk.wait(1_999)
    assert.equal(textOf(desk.answer(first)), 'no answer yet')
    desk.wait(1)
    assert.equal(textOf(desk.answer(first)), 'leases-slow')
    assert.deepEqual(
      desk.ipam.problems().map(({ code }) => code),
      ['leases-slow'],
    )
    assert.equal(textOf(desk.answer(desk.ask('b'))), 'leases-slow', 'at once')
    desk.write()
    // Whoever asked was told no, and will not release it.
    desk.writeAll()
    assert.deepEqual(desk.ipam.view().leases(), [])
    assert.deepEqual(desk.ipam.problems(), [])
    assert.equal(desk.get('a'), '172.16.8.3', 'the other one rests')
  })

  it('releases what is on its way to be granted behind it', () => {
    const desk = new Desk([small])
    const granted = desk.ask('a')
    const released = desk.askRelease('a')
    const again = desk.ask('a')
    desk.writeAll()
    assert.equal(textOf(desk.answer(granted)), '172.16.8.2')
    assert.equal(textOf(desk.answer(released)), '172.16.8.2')
    assert.equal(textOf(desk.answer(again)), '172.16.8.3')
    desk.restart()
    assert.equal(desk.get('a'), '172.16.8.3')
  })

  it('keeps what was granted meanwhile where its release cannot be written', () => {
    const desk = new Desk([small])
    const granted = desk.ask('a')
    const released = desk.askRelease('a')
    desk.write()
    assert.equal(textOf(desk.answer(granted)), '172.16.8.2')
    desk.write('no space left')
    assert.equal(textOf(desk.answer(released)), 'leases-unwritable')
    assert.equal(desk.get('a'), '172.16.8.2')
    assert.equal(desk.ipam.view().subnets[0]?.used, 1)
  })

  it('keeps old leases and starts anew when it has another subnet', () => {
    const desk = new Desk([small])
    desk.get('a')
    desk.get('b')
    desk.free('b')
    desk.serve(['172.16.16.0/29'])
    desk.writeAll()
    assert.equal(desk.table.stored().resting.length, 0, 'what rested is forgotten')
    assert.equal(desk.get('a'), '172.16.8.2')
    assert.equal(desk.get('c'), '172.16.16.2')
    assert.equal(desk.free('a'), '172.16.8.2')
    assert.equal(desk.table.stored().resting.length, 0)
    desk.serve([])
    assert.equal(desk.get('d'), 'no-subnet')
    assert.equal(desk.get('c'), 'no-subnet', 'it may be another node that has the subnet')
  })

  it('counts what is released behind its grant once, though the subnet changes meanwhile', () => {
    const desk = new Desk([small])
    desk.ask('a')
    desk.serve(['172.16.16.0/29'])
    desk.askRelease('a')
    desk.serve([small])
    desk.writeAll()
    assert.equal(desk.ipam.view().subnets[0]?.used, 0)
    assert.deepEqual(desk.ipam.used, [])
  })

  it('grants nothing while the stored leases cannot be read, until they are rebuilt', () => {
    const desk = new Desk([small], { stored: '/x/leases is damaged' })
    assert.equal(desk.get('a'), 'leases-unreadable')
    assert.equal(desk.free('a'), 'leases-unreadable')
    const held = [
      { id: 'a', address: addressOf('172.16.8.2') },
      { id: 'b', address: addressOf('10.0.0.1') },
    ]
    const question = desk.askAdopt(held)
    desk.writeAll()
    assert.equal(textOf(desk.answer(question)), '172.16.8.2')
    assert.equal(desk.get('a'), '172.16.8.2')
    assert.equal(desk.get('c'), '172.16.8.3')
  })

  it('is as fast in a /16 that is full but for a hundredth as in an empty one', () => {
    const subnet = prefixOf('10.1.0.0/16')
    const desk = new Desk([subnet.text])
    for (let index = 0; index < 64_800; index += 1) desk.ask(`c${index}`)
    desk.writeAll()
    // Work, not time: a search would look at tens of thousands of addresses for each.
    for (let round = 0; round < 2_000; round += 1) {
      desk.ask(`x${round}`)
      desk.writeAll()
      desk.askRelease(`x${round}`)
      desk.writeAll()
    }
    assert.equal(desk.ipam.view().subnets[0]?.used, 64_800)
  })
})
