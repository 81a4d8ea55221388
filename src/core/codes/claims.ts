/** Codes about the subnet that this node claims, and what its host or others keep out of the pool. */

import { type Codes, name, node, other, otherName, pool, prefix } from './code.ts'

export const claimCodes = {
  'claim-tentative': {
    meaning: 'This node asks for a subnet, and waits whether another one objects.',
    examples: [{ code: 'claim-tentative', prefix, fence: 0 }],
  },
  'claim-confirmed': {
    meaning: 'Nobody objected: containers get addresses of the subnet, and others route it here.',
    examples: [{ code: 'claim-confirmed', prefix, afterMs: 612 }],
  },
  'claim-lost': {
    meaning: 'Two nodes had one subnet, as after a partition, and the other one keeps it.',
    examples: [{ code: 'claim-lost', prefix, winner: other, name: otherName }],
  },
  'claim-contested': {
    meaning: 'Routes stay as they are until one of the two gives way.',
    examples: [
      {
        code: 'claim-contested',
        prefix,
        holder: node,
        name,
        rival: other,
        rivalName: otherName,
        via: '10.0.1.79:42232',
      },
    ],
  },
  'claim-given-up': {
    meaning:
      'A client of the Stellar API deleted the subnet of this node. It has none until it is asked to claim one.',
    examples: [{ code: 'claim-given-up', prefix }],
  },
  'pool-full': {
    meaning: 'This host has no subnet, and its containers get no addresses.',
    examples: [{ code: 'pool-full', pool }],
  },
  excluded: {
    meaning:
      'Networks of this host lie in the pool. No node claims a subnet that overlaps with them.',
    examples: [{ code: 'excluded', prefixes: ['172.17.0.0/16'] }],
  },
  'exclusions-too-broad': {
    meaning: 'This host has no subnet, and its containers get no addresses.',
    examples: [{ code: 'exclusions-too-broad', pool }],
  },
  'exclusions-ignored': {
    meaning:
      'Only that host has no subnet. Without this rule one host could leave no subnet to any.',
    examples: [{ code: 'exclusions-ignored', node, name, pool, via: '10.0.1.73:42232' }],
  },
  'exclusions-overridden': {
    meaning: 'This node works, but the hosts that are named may not reach its containers.',
    examples: [{ code: 'exclusions-overridden', prefix, names: 'h1, h2' }],
  },
} satisfies Partial<Codes>
