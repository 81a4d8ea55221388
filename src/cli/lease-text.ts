/** Who has a lease, for people. */

import type { LeaseMessage } from '../adapters/api/definition.ts'

/** `cni pods/4f2a.../eth0` */
export const attachmentText = ({ door, network, id, interface: link }: LeaseMessage): string =>
  `${door} ${[network, id, link].filter((part) => part !== '').join('/')}`
