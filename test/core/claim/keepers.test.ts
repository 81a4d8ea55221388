/** Whose single addresses are: by the word of whoever holds their subnet, and of nobody else. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Keepers } from '../../../src/core/claim/keepers.ts'
import { packAddresses } from '../../../src/core/ip/address-list.ts'
import { addressOf, nodesInOrder, prefixOf, type Specimen } from '../specimens.ts'

const [self, low, high, holder] = nodesInOrder(4) as [Specimen, Specimen, Specimen, Specimen]
const subnet = prefixOf('172.16.0.0/22')
const kept = prefixOf('172.16.0.5/32')
const list = (...texts: string[]) => packAddresses(subnet, texts.map(addressOf))

const keeps = (...texts: string[]) => ({ kept: [list(...texts)], awarded: [] })
const awards = (node: Specimen, ...texts: string[]) => ({
  kept: [],
  awarded: [{ node: node.id, ...list(...texts) }],
})

describe('who keeps an address', () => {
  it('is nobody without the word of the holder, but for oneself', () => {
    const keepers = new Keepers()
    keepers.update(low.id, keeps('172.16.0.5'))
    assert.equal(keepers.keeper(kept, holder.id, self.id), undefined)
    assert.equal(keepers.keeper(kept, holder.id, low.id), low.id)
  })

  it('is whom the holder names, if that node keeps it', () => {
    const keepers = new Keepers()
    keepers.update(low.id, keeps('172.16.0.5'))
    keepers.update(high.id, keeps('172.16.0.5', '172.16.0.6'))
    keepers.update(holder.id, awards(high, '172.16.0.5'))
    for (const reader of [self, low, high])
      assert.equal(keepers.keeper(kept, holder.id, reader.id), high.id)
    keepers.update(high.id, keeps('172.16.0.6'))
    for (const reader of [self, low, high])
      assert.equal(keepers.keeper(kept, holder.id, reader.id), undefined)
  })

  it('is nobody where the holder has it itself', () => {
    const keepers = new Keepers()
    keepers.update(low.id, keeps('172.16.0.5'))
    keepers.update(holder.id, awards(holder, '172.16.0.5'))
    assert.equal(keepers.keeper(kept, holder.id, low.id), undefined)
    assert.equal(keepers.awardee(addressOf('172.16.0.5'), holder.id), holder.id)
  })

  it('is not said by anybody but the holder', () => {
    const keepers = new Keepers()
    keepers.update(low.id, { ...keeps('172.16.0.5'), awarded: awards(low, '172.16.0.5').awarded })
    assert.equal(keepers.keeper(kept, holder.id, self.id), undefined)
  })

  it('is the lowest of those that keep it while nobody holds the subnet', () => {
    const keepers = new Keepers()
    keepers.update(high.id, keeps('172.16.0.5'))
    assert.equal(keepers.keeper(kept, undefined, self.id), high.id)
    keepers.update(low.id, keeps('172.16.0.5'))
    assert.equal(keepers.keeper(kept, undefined, self.id), low.id)
  })

  it('names what may be another node’s with each change, and forgets who says nothing', () => {
    const keepers = new Keepers()
    const texts = (touched: readonly { text: string }[]) => touched.map(({ text }) => text).sort()
    assert.deepEqual(texts(keepers.update(low.id, keeps('172.16.0.5'))), ['172.16.0.5'])
    assert.deepEqual(texts(keepers.update(low.id, keeps('172.16.0.6'))), [
      '172.16.0.5',
      '172.16.0.6',
    ])
    assert.deepEqual(texts(keepers.update(holder.id, awards(low, '172.16.0.6'))), ['172.16.0.6'])
    assert.deepEqual(texts(keepers.update(low.id)), ['172.16.0.6'])
    keepers.update(holder.id)
    assert.ok(keepers.isEmpty)
    assert.deepEqual(keepers.update(holder.id), [])
  })

  it('is known of so many addresses and no more, whatever nodes say', () => {
    const keepers = new Keepers()
    const wide = prefixOf('10.0.0.0/8')
    for (let node = 0; node < 6; node += 1) {
      const first = wide.first + BigInt(node * 4_000)
      const addresses = Array.from({ length: 4_000 }, (_, at) => {
        const value = Number(first) + at
        return addressOf([24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.'))
      })
      const { id } = nodesInOrder(8)[node] as Specimen
      keepers.update(id, { kept: [packAddresses(wide, addresses)], awarded: [] })
    }
    assert.equal([...keepers.keptIn(wide)].length, 16_384)
  })
})
