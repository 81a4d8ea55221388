/** Whose single addresses are: by the word of whoever holds their subnet, and of nobody else. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Keepers } from '../../../src/core/claim/keepers.ts'
import { packAddresses } from '../../../src/core/ip/address-list.ts'
import type { Prefix } from '../../../src/core/ip/prefix.ts'
import {
  addressOf,
  claimOf,
  nodesInOrder,
  prefixOf,
  recordOf,
  type Specimen,
  tombstoneOf,
} from '../specimens.ts'

const [self, low, high, holder] = nodesInOrder(4) as [Specimen, Specimen, Specimen, Specimen]
const subnet = prefixOf('172.16.0.0/22')
const kept = prefixOf('172.16.0.5/32')
const list = (...texts: string[]) => packAddresses(subnet, texts.map(addressOf))

const isOurs = (prefix: Prefix) => prefix.length === 22

const keeps = (...texts: string[]) => recordOf(self, { claims: [], kept: [list(...texts)] })
const awards = (node: Specimen, ...texts: string[]) =>
  recordOf(holder, {
    claims: [claimOf(subnet.text, { state: 'confirmed' })],
    awarded: [{ node: node.id, ...list(...texts) }],
  })

describe('who keeps an address', () => {
  it('is nobody without the word of the holder, but for oneself', () => {
    const keepers = new Keepers(isOurs)
    keepers.update(low.id, keeps('172.16.0.5'))
    assert.equal(keepers.keeper(kept, holder.id, self.id), undefined)
    assert.equal(keepers.keeper(kept, holder.id, low.id), low.id)
  })

  it('is whom the holder names, if that node keeps it', () => {
    const keepers = new Keepers(isOurs)
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
    const keepers = new Keepers(isOurs)
    keepers.update(low.id, keeps('172.16.0.5'))
    keepers.update(holder.id, awards(holder, '172.16.0.5'))
    assert.equal(keepers.keeper(kept, holder.id, low.id), undefined)
    assert.equal(keepers.awardee(addressOf('172.16.0.5'), holder.id), holder.id)
  })

  it('is not said by anybody but the holder', () => {
    const keepers = new Keepers(isOurs)
    keepers.update(low.id, { ...keeps('172.16.0.5'), awarded: awards(low, '172.16.0.5').awarded })
    assert.equal(keepers.keeper(kept, holder.id, self.id), undefined)
  })

  it('is the lowest of those that keep it while nobody holds the subnet', () => {
    const keepers = new Keepers(isOurs)
    keepers.update(high.id, keeps('172.16.0.5'))
    assert.equal(keepers.keeper(kept, undefined, self.id), high.id)
    keepers.update(low.id, keeps('172.16.0.5'))
    assert.equal(keepers.keeper(kept, undefined, self.id), low.id)
  })

  it('names what may be another node’s with each change, and forgets who says nothing', () => {
    const keepers = new Keepers(isOurs)
    const texts = (touched: readonly { text: string }[]) => touched.map(({ text }) => text).sort()
    assert.deepEqual(texts(keepers.update(low.id, keeps('172.16.0.5'))), ['172.16.0.5'])
    assert.deepEqual(texts(keepers.update(low.id, keeps('172.16.0.6'))), [
      '172.16.0.5',
      '172.16.0.6',
    ])
    assert.deepEqual(texts(keepers.update(holder.id, awards(low, '172.16.0.6'))), ['172.16.0.6'])
    assert.deepEqual(texts(keepers.update(low.id, undefined)), ['172.16.0.6'])
    keepers.update(holder.id, undefined)
    assert.ok(keepers.isEmpty)
    assert.deepEqual(keepers.update(holder.id, undefined), [])
  })

  it('is whom the last holder named, once that one is ended and nobody holds the subnet', () => {
    const keepers = new Keepers(isOurs)
    keepers.update(low.id, keeps('172.16.0.5'))
    keepers.update(high.id, keeps('172.16.0.5'))
    const said = awards(high, '172.16.0.5')
    keepers.update(holder.id, said)
    keepers.update(holder.id, tombstoneOf(said))
    assert.equal(keepers.keeper(kept, undefined, self.id), high.id)
    assert.equal(keepers.formerAwardee(addressOf('172.16.0.5')), high.id)
  })

  it('is nobody where it lies in no subnet of ours, or where who names it does not claim it', () => {
    const keepers = new Keepers(isOurs)
    const wide = packAddresses(prefixOf('172.16.0.0/12'), [addressOf('172.16.0.5')])
    keepers.update(low.id, recordOf(low, { claims: [], kept: [wide] }))
    assert.equal(keepers.keeper(kept, undefined, self.id), undefined)
    keepers.update(low.id, keeps('172.16.0.5'))
    keepers.update(high.id, { ...awards(low, '172.16.0.5'), claims: [] })
    assert.equal(keepers.awardee(addressOf('172.16.0.5'), high.id), undefined)
  })

  it('follows from what is said alone, in whatever order it came', () => {
    const nodes = nodesInOrder(300)
    const words = nodes.map((node, at): [Specimen, string] => [node, `172.16.0.${2 + (at % 200)}`])
    const results = [words, words.toReversed()].map((order) => {
      const keepers = new Keepers(isOurs)
      for (const [node, text] of order) keepers.update(node.id, keeps(text))
      return [...keepers.keptIn(subnet)]
        .map(({ node, address }) => `${node} ${address.text}`)
        .sort()
    })
    assert.deepEqual(results[0], results[1])
    assert.equal(results[0]?.length, 256)
  })

  it('touches nothing where a node says again what it said', () => {
    const keepers = new Keepers(isOurs)
    keepers.update(low.id, keeps('172.16.0.5'))
    keepers.update(holder.id, awards(low, '172.16.0.5'))
    assert.deepEqual(keepers.update(low.id, keeps('172.16.0.5')), [])
    assert.deepEqual(keepers.update(holder.id, awards(low, '172.16.0.5')), [])
  })
})
