/** Of the addresses in this node's subnets that other nodes keep: whose they are from here on. */

import { sameAwards } from '../claim/keepers.ts'
import { type Award, type NodeId, recordLimits } from '../claim/record.ts'
import { type Address, compareAddresses } from '../ip/address.ts'
import { addressesIn, packAddresses } from '../ip/address-list.ts'
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
  // Until then it does not know what others keep, or what its own containers have: what it said of them stands.
  if (!state.isInSync || ipam.isUnreadable) return ipam.withhold(leftBefore(state))
  const awards: Award[] = []
  const contested: Owned[] = []
  for (const { prefix } of claimant.claims) {
    const owned = ownedIn(prefix, before, state)
    contested.push(...owned)
    awards.push(...awardsIn(prefix, owned, before, state))
  }
  const left = contested.filter(({ owner }) => owner !== config.self)
  ipam.withhold(left.map(({ address }) => address))
  const said = awards.slice(0, recordLimits.awarded)
  if (sameAwards(said, state.awarded)) return
  tellLeft(state, left)
  const isUrgent = contested.some(({ address, owner }) => before.get(address.text) !== owner)
  state.awarded = said
  // Who asks for its neighbours on the link can wait; who is waiting for an address that it has cannot.
  if (isUrgent) state.publishSoon()
  else state.dueIn('unsay', calmMs)
}

function leftBefore({ awarded, config }: AgentState): Address[] {
  return awarded
    .filter(({ node }) => node !== config.self)
    .flatMap((award) => [...addressesIn(award)])
}

/** A container of this node goes before all others, and what was said before is not taken back. */
function ownedIn(
  prefix: Prefix,
  before: ReadonlyMap<string, NodeId>,
  { keepers, ipam, config, set, router, awarded }: AgentState,
): Owned[] {
  const keeping = new Map<string, { address: Address; nodes: NodeId[] }>()
  // Of a node that is not known any more nobody knows whether its containers are gone.
  for (const award of awarded) {
    if (award.prefix.text !== prefix.text || set.get(award.node)) continue
    for (const address of addressesIn(award)) {
      keeping.set(address.text, { address, nodes: [award.node] })
    }
  }
  for (const { address, node } of keepers.keptIn(prefix)) {
    if (node === config.self || !set.record(node)) continue
    if (!isContainers(address, prefix) || router.host.has(address)) continue
    const known = keeping.get(address.text)
    if (known) known.nodes.push(node)
    else keeping.set(address.text, { address, nodes: [node] })
  }
  return [...keeping.values()].flatMap(({ address, nodes }): Owned[] => {
    if (ipam.isTaken(address)) return [{ address, owner: config.self }]
    const former = before.get(address.text) ?? keepers.formerAwardee(address)
    const owner = former !== undefined && nodes.includes(former) ? former : nodes.sort()[0]
    return owner === undefined ? [] : [{ address, owner }]
  })
}

/** No network, gateway or broadcast address. */
const isContainers = ({ value }: Address, { first, last, family }: Prefix): boolean =>
  value > first + 1n && (family === 6 || value < last)

function awardsIn(
  prefix: Prefix,
  owned: readonly Owned[],
  before: ReadonlyMap<string, NodeId>,
  { config, ipam, claimant }: AgentState,
): Award[] {
  if (owned.length === 0) return []
  const sorted = [...owned].sort((a, b) => compareAddresses(a.address, b.address))
  const others = new Set(sorted.map(({ owner }) => owner))
  others.delete(config.self)
  let room = Math.floor(recordLimits.awardedBytes / claimant.claims.length)
  const awards: Award[] = []
  // Who was given some goes first, and a newcomer leaves room to others.
  const known = new Set(before.values())
  const inOrder = [...others].sort(
    (a, b) => Number(known.has(b)) - Number(known.has(a)) || (a < b ? -1 : 1),
  )
  for (const [index, node] of [config.self, ...inOrder].entries()) {
    const most = known.has(node) ? room : room / (inOrder.length + 1 - index)
    const addresses = sorted.filter(({ owner }) => owner === node).map(({ address }) => address)
    // Neighbour solicitations are answered for single addresses alone: who keeps some must know all of the others.
    const isAll = node === config.self && prefix.family === 6
    const list = isAll ? ipam.taken(prefix, room / 2) : packAddresses(prefix, addresses, most)
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

/** Once of each node, for as long as it has any. */
function tellLeft(state: AgentState, left: readonly Owned[]): void {
  const { leftTo: before, set } = state
  state.leftTo = new Set(left.map(({ owner }) => owner))
  for (const node of state.leftTo) {
    if (before.has(node)) continue
    const addresses = left.filter(({ owner }) => owner === node).length
    state.note({ code: 'addresses-left', addresses, node, name: set.record(node)?.name ?? node })
  }
}
