/** The containers of a swarm: each asks its host for an address, and what it was told is checked from then on. */

import type { CommandResult } from '../../src/core/effect.ts'
import type { Command } from '../../src/core/event.ts'
import type { Address } from '../../src/core/ip/address.ts'
import type { Host } from './host.ts'
import { Grants } from './lease-checkers.ts'
import type { Violation } from './observed.ts'

export class Allocations {
  readonly grants = new Grants()
  /** Commands that are not answered yet, by host and id. */
  readonly #open = new Set<string>()
  #containers = 0

  /** A new container asks, for `addresses` or whatever is free. Returns the id of the command. */
  ask(host: Host, addresses: readonly Address[] = []): number {
    this.#containers += 1
    const id = host.command(allocation(`c${this.#containers}`, addresses))
    this.#open.add(keyOf(host, id))
    return id
  }

  /** Any command of the host was answered. */
  replied(host: Host, id: number, result: CommandResult): Violation[] {
    const isOurs = this.#open.delete(keyOf(host, id))
    return isOurs && result.ok ? this.grants.granted(host, result.leases ?? []) : []
  }
}

const keyOf = (host: Host, id: number): string => `${host.name} ${id}`

const allocation = (id: string, addresses: readonly Address[]): Command => ({
  type: 'allocate',
  request: {
    attachment: { door: 'grpc', network: '', id, ifname: '' },
    name: '',
    addresses,
    families: 'served',
    witness: { bootId: '', path: '', inode: '' },
    mac: '',
  },
})
