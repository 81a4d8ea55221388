/** The kernel's neighbour table beside the forwarding tables of its bridges, and what they say of an address. */

import type { Address } from '../../core/ip/address.ts'
import type { NeighbourFacts } from './neighbour-message.ts'
import { neighbourState } from './rtnetlink.ts'

export class NeighbourTables {
  readonly #known: ReadonlyMap<string, NeighbourFacts>
  readonly #behindPorts: ReadonlySet<string>

  constructor(neighbours: readonly NeighbourFacts[], forwarding: readonly NeighbourFacts[]) {
    this.#known = new Map(
      neighbours.flatMap((facts) =>
        facts.value === undefined ? [] : [[keyOf(facts.value, facts.ifindex), facts]],
      ),
    )
    this.#behindPorts = new Set(forwarding.map(({ mac }) => mac))
  }

  /** `answers`: somebody is there on that link, or a port of a bridge has seen its hardware address lately. */
  judge({ value }: Address, ifindex: number): 'answers' | 'silent' | 'open' {
    const facts = this.#known.get(keyOf(value, ifindex))
    if (!facts) return 'open'
    if (facts.mac !== '' && this.#behindPorts.has(facts.mac)) return 'answers'
    if ((facts.state & neighbourState.failed) !== 0) return 'silent'
    return (facts.state & neighbourState.reachable) !== 0 ? 'answers' : 'open'
  }
}

const keyOf = (value: bigint, ifindex: number): string => `${ifindex} ${value}`
