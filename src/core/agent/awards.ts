/** Of the addresses in this node's subnets that other nodes keep: whose they are from here on. */

import { type Award, type NodeId, recordLimits } from '../claim/record.ts'
import { type Address, compareAddresses } from '../ip/address.ts'
import { addressesIn, packAddresses, sameLists } from '../ip/address-list.ts'
import type { Prefix } from '../ip/prefix.ts'
import type { AgentState } from './state.ts'

/** Until what only neighbours on the links of others want to know is said. */
const calmMs = 5_000

interface Owned {
  readonly address: Address
  readonly owner: NodeId
}

/** Says anew whose they are, where that has changed, and grants none that is another node's. */
export function award(state: AgentState): void {
  const { claimant, ipam, keepers, config } = state
  if (keepers.isEmpty && state.awarded.length === 0) return
  const before = ownersIn(state.awarded)
  const awards: Award[] = []
  const contested: Owned[] = []
  for (const { prefix } of claimant.claims) {
    const owned = ownedIn(prefix, before, state)
    contested.push(...owned)
    awards.push(...awardsIn(prefix, owned, state))
  }
  const left = contested.filter(({ owner }) => owner !== config.self)
  ipam.withhold(left.map(({ address }) => address))
  const said = awards.slice(0, recordLimits.awarded)
  const isSame = sameLists(said, state.awarded) && nodesOf(said) === nodesOf(state.awarded)
  if (isSame) return
  if (before.size === 0) tellLeft(state, left)
  const isUrgent = contested.some(({ address, owner }) => before.get(address.text) !== owner)
  state.awarded = said
  // Who asks for its neighbours on the link can wait; who is waiting for an address that it has cannot.
  if (isUrgent) state.publishSoon()
  else state.dueIn('unsay', calmMs)
}

/** A container of this node goes before all others, and what was said before is not taken back. */
function ownedIn(
  prefix: Prefix,
  before: ReadonlyMap<string, NodeId>,
  { keepers, ipam, config, set }: AgentState,
): Owned[] {
  const keeping = new Map<string, { address: Address; nodes: NodeId[] }>()
  for (const { address, node } of keepers.keptIn(prefix)) {
    if (node === config.self || !set.record(node)) continue
    const known = keeping.get(address.text)
    if (known) known.nodes.push(node)
    else keeping.set(address.text, { address, nodes: [node] })
  }
  return [...keeping.values()].flatMap(({ address, nodes }): Owned[] => {
    if (ipam.isTaken(address)) return [{ address, owner: config.self }]
    const former = before.get(address.text)
    const owner = former !== undefined && nodes.includes(former) ? former : nodes.sort()[0]
    return owner === undefined ? [] : [{ address, owner }]
  })
}

function awardsIn(prefix: Prefix, owned: readonly Owned[], state: AgentState): Award[] {
  const { config, ipam, claimant } = state
  if (owned.length === 0) return []
  const sorted = [...owned].sort((a, b) => compareAddresses(a.address, b.address))
  const others = new Set(sorted.map(({ owner }) => owner))
  others.delete(config.self)
  let room = Math.floor(recordLimits.awardedBytes / claimant.claims.length)
  const awards: Award[] = []
  for (const node of [config.self, ...[...others].sort()]) {
    const addresses = sorted.filter(({ owner }) => owner === node).map(({ address }) => address)
    // Neighbour solicitations are answered for single addresses alone: who keeps some must know all of the others.
    const isAll = node === config.self && prefix.family === 6
    const list = isAll ? ipam.taken(prefix, room / 2) : packAddresses(prefix, addresses, room)
    room -= list.packed.length
    if (list.packed.length > 0) awards.push({ node, ...list })
  }
  return awards
}

/** By address. */
function ownersIn(awards: readonly Award[]): Map<string, NodeId> {
  const owners = new Map<string, NodeId>()
  for (const award of awards) {
    for (const { text } of addressesIn(award)) owners.set(text, award.node)
  }
  return owners
}

function tellLeft(state: AgentState, left: readonly Owned[]): void {
  const [first] = left
  if (!first) return
  const name = state.set.record(first.owner)?.name ?? first.owner
  const { owner: node } = first
  state.note({ code: 'addresses-left', addresses: left.length, node, name })
}

const nodesOf = (awards: readonly Award[]): string => awards.map(({ node }) => node).join()
