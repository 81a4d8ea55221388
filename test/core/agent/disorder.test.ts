/** Scenes that must end the same however their events are batched, repeated and mixed. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Entry } from '../../../src/core/claim/record.ts'
import {
  claimOf,
  nodeOf,
  nodesInOrder,
  prefixOf,
  recordOf,
  type Specimen,
  tombstoneOf,
} from '../specimens.ts'
import { type Disorder, type Host, Table } from './harness.ts'

const [a, b, c, d] = nodesInOrder(4) as [Specimen, Specimen, Specimen, Specimen]

interface Scene {
  readonly name: string
  /** Returns the hosts to look at when all is quiet. */
  play(table: Table, arrange: (host: Host) => Host): Host[]
}

const at = (seqno: number) => ({ version: { incarnation: 1, seqno } })

/** What the cluster said of itself over some time: moves, conflicts, a leave, an eviction. */
function history(): Entry[] {
  const [first, second, third, fourth] = [601, 602, 603, 604].map(nodeOf) as [
    Specimen,
    Specimen,
    Specimen,
    Specimen,
  ]
  const claimed = (text: string, confirmedAtMs: number) => [claimOf(text, { confirmedAtMs })]
  const gone = recordOf(third, { claims: claimed('172.16.12.0/22', 3), ...at(4) })
  return [
    first.seal(recordOf(first, { claims: [claimOf('172.16.4.0/22', { state: 'tentative' })] })),
    first.seal(recordOf(first, { claims: claimed('172.16.4.0/22', 5), ...at(2) })),
    second.seal(recordOf(second, { claims: claimed('172.16.4.0/22', 9) })),
    second.seal(
      recordOf(second, {
        claims: claimed('172.16.8.0/22', 9),
        ...at(2),
        extras: [prefixOf('192.168.1.0/24')],
      }),
    ),
    third.seal(gone),
    first.seal(tombstoneOf(gone, first.id)),
    fourth.seal(recordOf(fourth, { claims: claimed('172.16.16.0/22', 2) })),
    fourth.seal(tombstoneOf(recordOf(fourth, { claims: claimed('172.16.16.0/22', 2) }))),
    fourth.seal(recordOf(fourth, { version: { incarnation: 2, seqno: 1 }, nextHops: [] })),
  ]
}

const scenes: readonly Scene[] = [
  {
    name: 'a host that hears the history of its cluster at once',
    play(table, arrange) {
      const host = arrange(table.running(a))
      table.pass(1_000)
      host.hear(...history())
      // An eviction takes effect once nobody answers it, and who is gone is found so one after the other.
      table.pass(180_000)
      return [host]
    },
  },
  {
    name: 'a cluster that grows, parts, conflicts and heals',
    play(table, arrange) {
      const left = arrange(table.running(a))
      const right = arrange(table.running(b))
      table.pass(1_000)
      const third = arrange(table.running(c, { seeded: true }))
      table.connect(left, third)
      table.pass(2_000)
      table.connect(left, right)
      table.connect(right, third)
      table.pass(3_000)
      right.command({ type: 'announce', prefix: prefixOf('192.168.9.0/24') })
      table.pass(3_000)
      third.command({ type: 'leave' })
      table.pass(3_000)
      const fourth = arrange(table.running(d, { seeded: true }))
      table.connectAll()
      table.pass(10_000)
      return [left, right, fourth]
    },
  },
]

const endOf = (hosts: readonly Host[]) =>
  hosts.map((host) => {
    const { root, claims, convergence, problems, tombstones, fences, nodes } = host.agent.view()
    return {
      own: host.claims,
      routes: host.routes,
      // What it says itself is numbered as it is said.
      others: nodes.flatMap(({ record, self }) =>
        self ? [] : [`${record.name} ${record.version.incarnation}.${record.version.seqno}`],
      ),
      agrees: root === hosts[0]?.agent.view().root,
      standings: claims.map(
        ({ claim, name, standing }) => `${claim.prefix.text} ${name} ${standing}`,
      ),
      convergence,
      problems,
      tombstones,
      fences,
    }
  })

const disorders: readonly [string, Disorder][] = [
  ['split, one event at a time', {}],
  ['squashed into one batch', { squash: true }],
  ['with every word repeated', { duplicate: true }],
  ['shuffled', { shuffle: true }],
  ['shuffled, repeated and squashed', { shuffle: true, duplicate: true, squash: true }],
]

for (const { name, play } of scenes) {
  describe(name, () => {
    const played = (seed: number, disorder: Disorder) => {
      const table = new Table(seed)
      return endOf(
        play(table, (host) => {
          host.disorder = disorder
          return host
        }),
      )
    }
    const expected = played(1, {})

    for (const [how, disorder] of disorders) {
      it(`ends the same ${how}`, () => {
        for (let seed = 1; seed <= 10; seed += 1) {
          assert.deepEqual(played(seed, disorder), expected, `seed ${seed}`)
        }
      })
    }
  })
}
