/** Where a connection comes from or leads to, as people write it: `10.0.1.71:7871`, `[fd00::1]:7871`. */

import type { MultiaddrConnection } from '@libp2p/interface'

export function remoteAddress(
  connection: Pick<MultiaddrConnection, 'remoteAddr'> | undefined,
): string {
  if (!connection) return ''
  const parts = connection.remoteAddr.getComponents()
  const part = (name: string) => parts.find((each) => each.name === name)?.value ?? ''
  const v6 = part('ip6')
  return `${v6 ? `[${v6}]` : part('ip4')}:${part('tcp')}`
}
