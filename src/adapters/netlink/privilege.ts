/** Whether this process may change the network of its namespace. */

import { readFileSync } from 'node:fs'

/** Bit of CAP_NET_ADMIN, see capability(7). */
const netAdmin = 12n

export function hasNetAdmin(): boolean {
  const status = readFileSync('/proc/self/status', 'latin1')
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1]
  return effective !== undefined && ((BigInt(`0x${effective}`) >> netAdmin) & 1n) === 1n
}
