/** Leases and how much of a subnet they take, for people. */

import type { LeaseMessage, SubnetUseMessage } from '../adapters/api/definition.ts'

/** `cni pods/4f2a.../eth0` */
export const attachmentText = ({ door, network, id, interface: link }: LeaseMessage): string =>
  `${door} ${[network, id, link].filter((part) => part !== '').join('/')}`

/** `172.16.8.0/22: 12 used, 3 resting, 1006 free` */
export const useText = ({ prefix, used, resting, free }: SubnetUseMessage): string =>
  `${prefix}: ${used} used, ${resting} resting, ${free} free`
