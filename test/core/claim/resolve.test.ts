/** Who holds a prefix, as a function of the claims alone; and the incremental index of it against the function. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Ownership } from '../../../src/core/claim/ownership.ts'
import type { Claim, NodeId } from '../../../src/core/claim/record.ts'
import {
  type OwnedClaim,
  precedence,
  type Rules,
  resolve,
  type Standing,
  type Step,
} from '../../../src/core/claim/resolve.ts'
import { overlaps, type Prefix } from '../../../src/core/ip/prefix.ts'
import { anyClaim, crowdedSubnet } from '../arbitraries.ts'
import { claimOf, defaultPool, nodesInOrder, prefixOf } from '../specimens.ts'

const nodes = nodesInOrder(8).map(({ id }) => id)
const node = fc.constantFrom(...nodes)

/** As in a record set: one origin has a prefix once. */
const claims: fc.Arbitrary<OwnedClaim[]> = fc.uniqueArray(
  fc.record({ origin: node, claim: anyClaim }),
  { maxLength: 20, selector: ({ origin, claim }) => `${origin} ${claim.prefix.text}` },
)

const fences = fc.uniqueArray(
  fc.record({ prefix: crowdedSubnet, fence: fc.integer({ min: 1, max: 3 }) }),
  { maxLength: 5, selector: ({ prefix }) => prefix.text },
)

const fenceOf =
  (raised: readonly { prefix: Prefix; fence: number }[]) =>
  (prefix: Prefix): number =>
    Math.max(0, ...raised.filter((item) => overlaps(item.prefix, prefix)).map((x) => x.fence))

/** All are of one pool, and nobody saw anything. */
const plain: Rules = {
  fenceOf: () => 0,
  isOurs: () => true,
  isPinned: () => false,
  isHeld: () => false,
  support: () => 0,
}

const rulesOf = (raised: readonly { prefix: Prefix; fence: number }[]): Rules => ({
  ...plain,
  fenceOf: fenceOf(raised),
})

/** A time of a clock that is set. */
const at = (ms: number): number => 1_700_000_000_000 + ms

const textOf = ({ origin, claim, standing }: Standing) =>
  `${origin} ${claim.prefix.text} ${claim.fence} ${claim.state} ${standing}`

describe('the winners among overlapping claims', () => {
  it('are the same in whatever order the claims are listed', () => {
    const shuffled = claims.chain((all) =>
      fc.tuple(
        fc.constant(all),
        fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length }),
      ),
    )
    fc.assert(
      fc.property(shuffled, fences, ([all, disordered], raised) => {
        assert.deepEqual(resolve(disordered, rulesOf(raised)), resolve(all, rulesOf(raised)))
      }),
    )
  })

  it('never overlap, and every claim that does not win yields to a winner or is fenced', () => {
    fc.assert(
      fc.property(claims, fences, (all, raised) => {
        const standings = resolve(all, rulesOf(raised))
        assert.equal(standings.length, all.length)
        const winners = standings.filter(({ standing }) => standing === 'winner')
        for (const { claim, origin, standing } of standings) {
          const rivals = winners.filter((winner) => overlaps(winner.claim.prefix, claim.prefix))
          const isFenced = claim.fence < fenceOf(raised)(claim.prefix)
          if (standing === 'winner') assert.equal(rivals.length, 1)
          if (standing === 'yielding')
            assert.ok(rivals.some((r) => r.origin !== origin || r.claim !== claim))
          // Below the fence a claim stands only where every other one that it overlaps is below it, too, or loses.
          if (standing !== 'winner') assert.equal(standing === 'fenced', isFenced)
        }
      }),
    )
  })

  it('do not depend on claims that they do not overlap', () => {
    fc.assert(
      fc.property(claims, crowdedSubnet, (all, within) => {
        const near = all.filter(({ claim }) => overlaps(claim.prefix, within))
        const isolated = near.filter(({ claim }) =>
          all.every((other) => near.includes(other) || !overlaps(other.claim.prefix, claim.prefix)),
        )
        const closed = isolated.length === near.length
        if (!closed) return
        const inAll = resolve(all, rulesOf([])).filter(({ claim }) =>
          overlaps(claim.prefix, within),
        )
        assert.deepEqual(inAll, resolve(near, rulesOf([])))
      }),
    )
  })
})

describe('the order of precedence', () => {
  it('is total', () => {
    fc.assert(
      fc.property(
        fc.record({ origin: node, claim: anyClaim }),
        fc.record({ origin: node, claim: anyClaim }),
        (a, b) => {
          assert.equal(Math.sign(precedence(a, b)) + Math.sign(precedence(b, a)), 0)
        },
      ),
    )
  })

  const [low, high] = [nodes[0], nodes[7]] as [NodeId, NodeId]
  const pairs: readonly [string, Partial<Claim>, Partial<Claim>, Step][] = [
    [
      'confirmed before tentative',
      { confirmedAtMs: at(9) },
      { state: 'tentative', used: true },
      'confirmed',
    ],
    ['used before unused', { used: true, confirmedAtMs: at(9) }, { confirmedAtMs: at(1) }, 'used'],
    [
      'the earlier confirmation before the later',
      { confirmedAtMs: at(1) },
      { confirmedAtMs: at(2) },
      'earlier',
    ],
    [
      'a time before that of a clock that was never set',
      { confirmedAtMs: at(9) },
      { confirmedAtMs: 1 },
      'earlier',
    ],
    [
      'a fence beyond the register for nothing',
      { confirmedAtMs: at(1) },
      { confirmedAtMs: at(2), fence: 9 },
      'earlier',
    ],
  ]
  for (const [rule, winner, loser, step] of pairs) {
    it(`has ${rule}`, () => {
      const standings = resolve(
        [
          { origin: low, claim: claimOf('172.16.0.0/22', loser) },
          { origin: high, claim: claimOf('172.16.0.0/22', winner) },
        ],
        rulesOf([]),
      )
      assert.deepEqual(
        standings.map(({ origin, standing, lostBy }) => [origin, standing, lostBy]),
        [
          [high, 'winner', undefined],
          [low, 'yielding', step],
        ],
      )
    })
  }

  it('lets a claim below the fence stand where there is no other: nobody is put out by a fence alone', () => {
    const lone = [{ origin: low, claim: claimOf('172.16.0.0/22') }]
    const [standing] = resolve(lone, rulesOf([{ prefix: prefixOf('172.16.0.0/22'), fence: 9 }]))
    assert.equal(standing?.standing, 'winner')
  })

  it('has the operator’s word first, then what was seen, then what many saw, then the claims’ own words', () => {
    const holders = [1, 2, 3, 4].map((index) => nodes[index] as NodeId)
    const [senior, witnessed, held, pinned] = holders
    const claims = holders.map((origin, index) => ({
      origin,
      claim: claimOf('172.16.0.0/22', { used: index === 0, confirmedAtMs: at(index) }),
    }))
    const rules = {
      ...plain,
      isHeld: ({ origin }: { origin: NodeId }) => origin === held,
      support: ({ origin }: { origin: NodeId }) => (origin === witnessed ? 1 : 0),
    }
    const standings = resolve(claims, { ...rules, isPinned: ({ origin }) => origin === pinned })
    const lostBy = (...among: (NodeId | undefined)[]) =>
      resolve(
        claims.filter(({ origin }) => among.includes(origin)),
        rules,
      )[1]?.lostBy
    assert.deepEqual([lostBy(held, witnessed), lostBy(witnessed, senior)], ['held', 'witnesses'])
    assert.deepEqual(
      standings.map(({ origin, lostBy }) => [origin, lostBy]),
      [
        [pinned, undefined],
        [held, 'pinned'],
        [witnessed, 'pinned'],
        [senior, 'pinned'],
      ],
    )
  })

  it('has what is cut from another pool after all that is cut from ours', () => {
    const standings = resolve(
      [
        { origin: low, claim: claimOf('128.0.0.0/1', { used: true, confirmedAtMs: 1 }) },
        { origin: high, claim: claimOf('172.16.0.0/22', { state: 'tentative' }) },
      ],
      { ...plain, isOurs: ({ length }) => length === 22 },
    )
    assert.deepEqual(
      standings.map(({ origin, standing, lostBy }) => [origin, standing, lostBy]),
      [
        [high, 'winner', undefined],
        [low, 'yielding', 'pool'],
      ],
    )
  })

  it('has the lower id last', () => {
    const claim = claimOf('172.16.0.0/22')
    const [winner, loser] = resolve(
      [
        { origin: high, claim },
        { origin: low, claim },
      ],
      rulesOf([]),
    )
    assert.equal(winner?.origin, low)
    assert.equal(loser?.lostBy, 'node-id')
  })

  it('has a claim below the fence after all others', () => {
    const standings = resolve(
      [
        { origin: low, claim: claimOf('172.16.0.0/22', { used: true, confirmedAtMs: 1 }) },
        { origin: high, claim: claimOf('172.16.0.0/22', { state: 'tentative', fence: 1 }) },
      ],
      rulesOf([{ prefix: prefixOf('172.16.0.0/22'), fence: 1 }]),
    )
    const fenced = standings.find(({ origin }) => origin === low)
    assert.deepEqual([fenced?.standing, fenced?.lostBy], ['fenced', 'fence'])
    assert.equal(standings.find(({ origin }) => origin === high)?.standing, 'winner')
  })
})

describe('ownership', () => {
  type Change =
    | { readonly type: 'claims'; readonly origin: NodeId; readonly claims: readonly Claim[] }
    | { readonly type: 'fence'; readonly prefix: Prefix; readonly fence: number }

  const change: fc.Arbitrary<Change> = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        type: fc.constant('claims' as const),
        origin: node,
        claims: fc.uniqueArray(anyClaim, { maxLength: 2, selector: ({ prefix }) => prefix.text }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        type: fc.constant('fence' as const),
        prefix: crowdedSubnet,
        fence: fc.integer({ min: 1, max: 4 }),
      }),
    },
  )

  it('that was changed piece by piece is what resolving everything anew gives', () => {
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 40 }),
        fc.array(crowdedSubnet),
        (changes, asked) => {
          const raised = new Map<string, { prefix: Prefix; fence: number }>()
          const held = new Map<NodeId, readonly Claim[]>()
          // Every other length is of another pool.
          const rules: Rules = {
            ...plain,
            // Nobody's fence reaches beyond the prefix that it names.
            fenceOf: ({ text }) => raised.get(text)?.fence ?? 0,
            isOurs: ({ length }) => length === 22,
          }
          const ownership = new Ownership(rules)
          const known = new Map<string, string[]>()
          for (const made of changes) {
            let touched: Map<string, Prefix>
            if (made.type === 'claims') {
              const before = held.get(made.origin) ?? []
              held.set(made.origin, made.claims)
              touched = ownership.update(made.origin, { before, after: made.claims })
            } else {
              raised.set(made.prefix.text, made)
              touched = ownership.judge([made.prefix])
            }
            const all = [...held].flatMap(([origin, own]) =>
              own.map((claim) => ({ origin, claim })),
            )
            const standings = resolve(all, rules)
            // What was not said to be touched must stand as before.
            const current = byPrefix(standings)
            for (const text of new Set([...known.keys(), ...current.keys()])) {
              if (touched.has(text)) continue
              assert.deepEqual(current.get(text), known.get(text), `${text} changed without a word`)
            }
            known.clear()
            for (const [text, lines] of current) known.set(text, lines)
            assert.deepEqual([...ownership.all()].map(textOf).sort(), standings.map(textOf).sort())
            assertAnswers(ownership, standings, asked)
          }
        },
      ),
      { numRuns: 150 },
    )
  })

  function byPrefix(standings: readonly Standing[]): Map<string, string[]> {
    const lines = new Map<string, string[]>()
    for (const standing of standings) {
      const { text } = standing.claim.prefix
      lines.set(text, [...(lines.get(text) ?? []), textOf(standing)])
    }
    return lines
  }

  function assertAnswers(
    ownership: Ownership,
    standings: readonly Standing[],
    asked: readonly Prefix[],
  ): void {
    const winners = standings.filter(({ standing }) => standing === 'winner')
    for (const prefix of asked) {
      const exact = winners.find(({ claim }) => claim.prefix.text === prefix.text)
      assert.deepEqual(ownership.winner(prefix), exact)
      const holder = ownership.holder(prefix)
      const holders = winners.filter(({ claim }) => overlaps(claim.prefix, prefix))
      assert.equal(holder !== undefined, holders.length > 0)
      if (holder) assert.ok(holders.map(textOf).includes(textOf(holder)))
    }
    const losers = new Set(
      standings
        .filter(({ claim, standing }) => standing !== 'winner' && claim.state === 'tentative')
        .map(({ origin }) => origin),
    )
    assert.deepEqual(ownership.losers(defaultPool.prefix), [...losers].sort())
    assert.deepEqual(ownership.losers(prefixOf('10.0.0.0/8')), [])
  }
})
