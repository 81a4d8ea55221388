/** The trie against a plain list that is searched from end to end. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { comparePrefixes, contains, overlaps, type Prefix } from '../../../src/core/ip/prefix.ts'
import { PrefixTrie } from '../../../src/core/ip/prefix-trie.ts'
import { anyPrefix, crowdedPrefix } from '../arbitraries.ts'
import { prefixOf } from '../specimens.ts'

const key = fc.oneof({ weight: 4, arbitrary: crowdedPrefix }, { weight: 1, arbitrary: anyPrefix })

const change = fc.record({
  key,
  // Few values, so that different keys hold equal ones.
  value: fc.integer({ min: 1, max: 3 }),
  type: fc.constantFrom('set', 'set', 'delete'),
})

class List {
  readonly #items = new Map<string, { key: Prefix; value: number }>()

  set(at: Prefix, value: number): void {
    this.#items.set(at.text, { key: at, value })
  }

  delete(at: Prefix): void {
    this.#items.delete(at.text)
  }

  values(which: (at: Prefix) => boolean): number[] {
    return [...this.#items.values()]
      .filter((item) => which(item.key))
      .sort((a, b) => comparePrefixes(a.key, b.key))
      .map(({ value }) => value)
  }
}

describe('a prefix trie', () => {
  it('answers like a list, whatever was set and deleted', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), fc.array(key), (changes, asked) => {
        const trie = new PrefixTrie<number>()
        const list = new List()
        for (const { type, key: at, value } of changes) {
          if (type === 'set') {
            trie.set(at, value)
            list.set(at, value)
          } else {
            trie.delete(at)
            list.delete(at)
          }
        }
        for (const at of [...asked, ...changes.map((made) => made.key)]) {
          assert.equal(trie.get(at), list.values((other) => other.text === at.text)[0])
          assert.deepEqual(
            [...trie.covering(at)],
            list.values((other) => contains(other, at)),
          )
          assert.deepEqual(
            [...trie.covered(at)],
            list.values((other) => contains(at, other)),
          )
          const overlapping = list.values((other) => overlaps(other, at))
          assert.deepEqual([...trie.overlapping(at)], overlapping)
          assert.equal(trie.overlaps(at), overlapping.length > 0)
        }
        assert.deepEqual(
          [...trie.values()],
          list.values(() => true),
        )
      }),
      { numRuns: 300 },
    )
  })

  it('is empty again after everything in it was deleted', () => {
    fc.assert(
      fc.property(fc.array(key, { maxLength: 60 }), (keys) => {
        const trie = new PrefixTrie<number>()
        for (const at of keys) trie.set(at, 1)
        for (const at of keys) trie.delete(at)
        assert.deepEqual([...trie.values()], [])
        assert.ok(!trie.overlaps(prefixOf('0.0.0.0/0')))
        assert.ok(!trie.overlaps(prefixOf('::/0')))
      }),
    )
  })

  it('lists IPv4 before IPv6, whichever came first', () => {
    const trie = new PrefixTrie<string>()
    trie.set(prefixOf('fd00::/64'), 'six')
    trie.set(prefixOf('10.0.0.0/8'), 'four')
    assert.deepEqual([...trie.values()], ['four', 'six'])
  })
})
