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
  /**
   * `alive`: its namespace is at its path. `elsewhere`: it is not, though a namespace of its number is somewhere else,
   * which may be a later one: the kernel uses numbers again.
   */
  readonly life: 'alive' | 'elsewhere' | 'gone' | 'unknown'
  /**
   * By which view of the host: what it is called stays the same as long as the same things are visible in it. Who has
   * never seen a container alive by one cannot tell by it that the container is gone. Empty: nothing is visible.
   */
  readonly by: string
}
