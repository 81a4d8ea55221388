/** Leases and how much of a subnet they take, for people. */

import type { KeptUseMessage, LeaseMessage, SubnetUseMessage } from '../adapters/api/definition.ts'

/** `cni pods/4f2a.../eth0` */
export const attachmentText = ({ door, network, id, interface: link }: LeaseMessage): string =>
  `${door} ${[network, id, link].filter((part) => part !== '').join('/')}`

/** `172.16.8.0/22: 12 used, 3 resting, 1006 free` */
export const useText = ({ prefix, used, resting, withheld, free }: SubnetUseMessage): string =>
  [
    `${prefix}: ${used} used`,
    `${resting} resting`,
    ...(withheld > 0 ? [`${withheld} left to other hosts`] : []),
    `${free} free`,
  ].join(', ')

/** `3 of 172.16.8.0/22, now of h7, 1 lost to another container` */
export const keptText = ({ prefix, holder, addresses, lost }: KeptUseMessage): string =>
  [
    `${addresses} of ${prefix}`,
    holder === '' ? 'which no node has now' : `which ${holder} has now`,
    ...(lost > 0 ? [`${lost} lost`] : []),
  ].join(', ')
