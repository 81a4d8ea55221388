/** Which entries of other nodes enter the record set. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { admit } from '../../../src/core/claim/admit.ts'
import {
  type Body,
  type Entry,
  type NodeRecord,
  versionLimits,
} from '../../../src/core/claim/record.ts'
import { claimOf, cluster, nodeOf, poolOf, prefixOf, recordOf, tombstoneOf } from '../specimens.ts'

const node = nodeOf(1)
const author = nodeOf(2)
const record = recordOf(node, { claims: [claimOf('172.16.4.0/22', { fence: 2 })] })

function judge(body: Body, more: { known?: Body; alive?: boolean; isFull?: boolean } = {}) {
  const known: Entry | undefined = more.known && node.seal(more.known)
  const admission = admit(author.seal(body), {
    cluster,
    known,
    hasRoom: () => more.isFull !== true,
    isAlive: () => more.alive === true,
  })
  return admission.admitted ? 'admitted' : `${admission.verdict}: ${admission.why}`
}

const withClaims = (more: Partial<NodeRecord>) => judge(recordOf(node, more))

describe('a record', () => {
  it('of a node of this cluster is admitted', () => {
    assert.equal(judge(record), 'admitted')
    assert.equal(judge(recordOf(node)), 'admitted')
  })

  it('of another cluster is rejected', () => {
    assert.equal(judge({ ...record, cluster: 'other' }), 'reject: foreign-cluster')
  })

  it('may claim out of a pool of its own', () => {
    const pools = [poolOf('10.0.0.0/8', 20)]
    assert.equal(withClaims({ pools, claims: [claimOf('10.16.0.0/20')] }), 'admitted')
  })

  it('that claims outside its pools, or a subnet of another size, is rejected', () => {
    for (const text of [
      '10.0.0.0/22',
      '172.16.0.0/23',
      '172.16.0.0/12',
      '0.0.0.0/0',
      'fd00::/22',
    ]) {
      assert.equal(withClaims({ claims: [claimOf(text)] }), 'reject: claim-outside-pool', text)
    }
  })

  it('has one claim of each family at most', () => {
    const claims = [claimOf('172.16.0.0/22'), claimOf('172.16.4.0/22')]
    assert.equal(withClaims({ claims }), 'reject: two-claims-of-a-pool')
    const pools = [poolOf('172.16.0.0/12', 22), poolOf('fd00::/40', 64)]
    const both = [claimOf('172.16.0.0/22'), claimOf('fd00::/64')]
    assert.equal(withClaims({ pools, claims: both }), 'admitted')
  })
})

describe('an entry of a node that is not known', () => {
  it('is left out, but no fault, where there is no room', () => {
    const eviction = tombstoneOf(record, author.id)
    for (const body of [record, eviction]) {
      assert.equal(judge(body, { isFull: true }), 'ignore: no-room')
      assert.equal(judge(body, { isFull: true, known: record }), 'admitted')
    }
  })
})

describe('an eviction', () => {
  const eviction = tombstoneOf(record, author.id)

  it('is admitted by who knows its victim and by who does not', () => {
    assert.equal(judge(eviction, { known: record }), 'admitted')
    assert.equal(judge(eviction), 'admitted')
  })

  it('is ignored, but no fault, where the victim is seen alive', () => {
    assert.equal(judge(eviction, { known: record, alive: true }), 'ignore: evicts-the-living')
  })

  it('that was refuted may still raise fences, alive or not', () => {
    const refuted = { ...record, version: { incarnation: 2, seqno: 1 } }
    assert.equal(judge(eviction, { known: refuted, alive: true }), 'admitted')
  })

  it('of a record that nobody would admit is rejected', () => {
    const outside = recordOf(node, { claims: [claimOf('10.0.0.0/22')] })
    assert.equal(judge(tombstoneOf(outside, author.id)), 'reject: claim-outside-pool')
  })

  it('may raise a fence however far: whoever missed what came before must come to the same map', () => {
    const claims = [claimOf('172.16.4.0/22', { fence: versionLimits.fence })]
    assert.equal(judge(tombstoneOf(recordOf(node, { claims }), author.id)), 'admitted')
  })

  it('fences what its victim held by one, and nothing that it did not hold', () => {
    const claims = [
      claimOf('172.16.4.0/22', { fence: 7 }),
      claimOf('fd00::/64', { state: 'tentative' }),
    ]
    const { fences, version } = tombstoneOf(recordOf(node, { claims }), author.id)
    assert.deepEqual(fences, [{ prefix: prefixOf('172.16.4.0/22'), fence: 8 }])
    assert.deepEqual(version, record.version)
  })

  it('of another cluster is rejected', () => {
    assert.equal(judge({ ...eviction, cluster: 'other' }), 'reject: foreign-cluster')
  })
})

describe('a leave', () => {
  it('is admitted although its node is still connected', () => {
    assert.equal(judge(tombstoneOf(record), { known: record, alive: true }), 'admitted')
  })
})
