/** Codes about nodes: how they join, who is there, who is missed, and whose word does not hold. */

import { type Codes, name, node, other, otherName, pool, subject, via } from './code.ts'

export const nodeCodes = {
  'in-sync': {
    meaning: 'Once after each start: the agent knows enough of the cluster to remove routes.',
    examples: [{ code: 'in-sync', by: 'peer' }],
  },
  'joined-alone': {
    meaning:
      'This node has a subnet and works, but heard of no other node. It merges with them when a seed answers.',
    examples: [{ code: 'joined-alone', waitedMs: 30_000 }],
  },
  'join-held': {
    meaning:
      'This node has no subnet, and its containers get no addresses, until a seed accepts it.',
    examples: [{ code: 'join-held', seeds: ['10.0.1.71', '10.0.1.72'] }],
  },
  'seed-unreachable': {
    meaning:
      'Harmless while another seed answers. A new node claims nothing before one does, or before it gives up waiting.',
    examples: [
      {
        code: 'seed-unreachable',
        subject: '10.0.1.72',
        reason: 'connection refused: no agent listens there',
      },
    ],
  },
  'seed-unresolvable': {
    meaning: 'As with `seed-unreachable`: harmless while another seed answers.',
    examples: [
      {
        code: 'seed-unresolvable',
        subject: 'nobody.invalid',
        reason: 'no name server answers for nobody.invalid',
      },
    ],
  },
  'handshake-failed': {
    meaning:
      'No connection to that host. If it belongs to this cluster, the two know nothing of each other.',
    examples: [
      {
        code: 'handshake-failed',
        subject,
        reason:
          'the host answers, but has not answered the handshake yet: its cluster key may be another one, or it is not a starling agent',
      },
    ],
  },
  'dial-forbidden': {
    meaning:
      'This node does not connect to an address that the record of another node names. That node may still connect by itself.',
    examples: [
      {
        code: 'dial-forbidden',
        subject: '203.0.113.9',
        reason: 'it lies on no network that records may name',
      },
    ],
  },
  'peer-connected': {
    meaning:
      'A connection to another agent stands. In a cluster of more than 32 nodes no node is connected to all others.',
    examples: [{ code: 'peer-connected', peer: node, address: '/ip4/10.0.1.73/tcp/7871' }],
  },
  'peer-disconnected': {
    meaning:
      'A connection ended. Routes stay; whether the node itself is gone is said by `node-down`.',
    examples: [{ code: 'peer-disconnected', peer: node }],
  },
  'peer-flooding': {
    meaning: 'The excess is ignored, and nothing else suffers.',
    examples: [{ code: 'peer-flooding', subject, reason: 'forged signatures' }],
  },
  'node-joined': {
    meaning: 'A node that was unknown before is part of the cluster.',
    examples: [{ code: 'node-joined', node, name }],
  },
  'node-claimed': {
    meaning: 'Another node has a subnet; a route to it follows.',
    examples: [{ code: 'node-claimed', node, name, prefix: '172.16.8.0/22' }],
  },
  'node-left': {
    meaning: 'A node left by `starling leave`; its subnet is free and its routes are removed.',
    examples: [{ code: 'node-left', node, name }],
  },
  'node-evicted': {
    meaning: 'An eviction took effect: the subnet of that node is free and its routes are removed.',
    examples: [{ code: 'node-evicted', node, name, author: other }],
  },
  'node-down': {
    meaning:
      'Neighbours of the node miss it. If only its agent is down, its containers stay reachable; otherwise they are not.',
    examples: (['agent-down', 'host-down', 'displaced'] as const).map((state) => ({
      code: 'node-down',
      node,
      name,
      state,
      by: ['h1', 'h2'],
    })),
  },
  'node-back': {
    meaning: 'A node that was down answers again, and its routes lead to it again.',
    examples: [{ code: 'node-back', node, name }],
  },
  'missed-by-others': {
    meaning:
      'Others could not reach this node for a moment and may have made its routes unreachable; it has answered.',
    examples: [
      { code: 'missed-by-others', incarnation: 5, by: ['h1', 'h2'] },
      { code: 'missed-by-others', incarnation: 5, by: [] },
    ],
  },
  refuted: {
    meaning:
      'Other nodes had word of this node that it did not write: an eviction, or a self of before its state was restored. It contradicted that, and stays.',
    examples: [{ code: 'refuted', incarnation: 5, what: 'eviction' }],
  },
  'duplicate-identity': {
    meaning: 'Two agents run with one identity. The one that started later ends, by itself.',
    examples: [
      { code: 'duplicate-identity', name, at: '10.0.1.73', yielding: false },
      { code: 'duplicate-identity', name, at: '10.0.1.73', yielding: true },
    ],
  },
  'node-twice': {
    meaning:
      'As seen by other nodes: routes to that node lead to one of two hosts until the copy is stopped.',
    examples: [{ code: 'node-twice', node, name }],
  },
  'nodes-full': {
    meaning: 'Nodes beyond the limit are not known here: no route leads to them.',
    examples: [{ code: 'nodes-full', most: 4096, node, from: other, via }],
  },
  'eviction-pending': {
    meaning:
      'The subnet of that node becomes free when the time is up, unless the node answers before.',
    examples: [{ code: 'eviction-pending', node, name, author: other, inMs: 59_000, via: '' }],
  },
  'eviction-refused': {
    meaning: 'The eviction changes nothing here.',
    examples: [{ code: 'eviction-refused', node, author: other, via }],
  },
  'entry-rejected': {
    meaning: 'The record is ignored and not passed on. The rest of what that peer says is heard.',
    examples: [{ code: 'entry-rejected', from: node, why: 'foreign-cluster' }],
  },
  'pool-mismatch': {
    meaning: 'Each of the two may refuse the routes of the other.',
    examples: [
      { code: 'pool-mismatch', node, name, theirs: '10.64.0.0/12 divided into /22', ours: pool },
    ],
  },
  'clock-skew': {
    meaning: 'Routes do not depend on clocks. Certificates, and times in lists and logs, do.',
    examples: [
      { code: 'clock-skew', node, name, aheadMs: -90_000 },
      { code: 'clock-skew', node: undefined, name: otherName, aheadMs: 90_000 },
    ],
  },
  'clock-unset': {
    meaning: 'Nothing breaks until another node claims the same subnet; then this claim loses.',
    examples: [{ code: 'clock-unset', node, name }],
  },
  'trouble-over': {
    meaning: 'A problem with the code `was` ended, and is gone from `starling status`.',
    examples: [{ code: 'trouble-over', was: 'seed-unreachable', subject: '10.0.1.72' }],
  },
} satisfies Partial<Codes>
