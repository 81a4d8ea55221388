/** How the host is asked whether the container of a lease lives. */

import type { Address } from '../ip/address.ts'

/** Where to look for the container of a lease. */
export interface ContainerQuestion {
  readonly address: Address
  readonly path: string
  readonly inode: string
}

export interface ContainerAnswer {
  readonly address: Address
  readonly life: 'alive' | 'gone' | 'unknown'
  /**
   * By which view of the host: what it is called stays the same as long as the same things are visible in it. Who has
   * never seen a container alive by one cannot tell by it that the container is gone. Empty: by none that could tell.
   */
  readonly by: string
}
