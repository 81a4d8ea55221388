/**
 * Addresses that outlive the claim which they were granted under. After a partition a subnet that both sides claimed has
 * one holder. The other node keeps what its containers have, and the holder says of each such address whose it is.
 */

import { type NodeId, recordLimits } from '../claim/record.ts'
import { compareAddresses } from '../ip/address.ts'
import { type AddressList, addressesIn, packAddresses, sameLists } from '../ip/address-list.ts'
import { holds, hostPrefix, type Prefix } from '../ip/prefix.ts'
import type { Kept, KeptLease } from '../ipam/kept.ts'
import type { Lease } from '../ipam/lease.ts'
import { type BridgeAnswers, noAnswers } from '../routing/route.ts'
import { award } from './awards.ts'
import type { AgentState } from './state.ts'

/** Looks again at what this node keeps and what it leaves to others, where that may have changed. */
export function settleKept(state: AgentState): void {
  const { ipam, keptDue: isDue, kept, awarded } = state
  if (!isDue && state.leasesSeen === ipam.revision) return
  state.keptDue = false
  state.leasesSeen = ipam.revision
  keep(state, isDue)
  award(state)
  if (!isDue && state.kept === kept && state.awarded === awarded) return
  state.keptSubnets = subnetsOf(state.kept)
  state.bridge.kept = state.keptSubnets
  state.bridge.answers = answersOf(state)
}

/** What this node keeps. `isDue`: what others have or say may have changed, and not only leases of this node. */
function keep(state: AgentState, isDue: boolean): void {
  const { ipam, claimant, kept: before, keptBefore } = state
  // Nobody knows what containers have: what was said of it stands.
  if (ipam.isUnreadable) {
    state.kept = { leases: [], lists: keptBefore }
    return
  }
  const claimed = claimant.claims.map(({ prefix }) => prefix)
  const strays = state.phase === 'left' ? [] : ipam.strays(claimed)
  if (strays.length + before.leases.length + before.lists.length === 0) return
  // Most leases that come and go are of the subnet that this node has now.
  if (!isDue && isSame(strays, before.leases)) return
  const lists = listsOf(strays)
  const said = new Set(lists.flatMap((list) => [...addressesIn(list)]).map(({ text }) => text))
  const leases = strays.map((lease) => ({ lease, lostTo: lostTo(state, lease, said) }))
  state.kept = { leases, lists: sameLists(lists, before.lists) ? before.lists : lists }
  if (state.kept.lists !== before.lists) state.publishSoon()
  tell(state, before)
}

/** The holder of the subnet says whose an address is that another container has, too. `said`: what is known to keep. */
function lostTo(
  { ownership, keepers, config }: AgentState,
  { address }: Lease,
  said: ReadonlySet<string>,
): NodeId | undefined {
  const { self } = config
  const holder = ownership.holder(hostPrefix(address))?.origin
  const keeper =
    holder === undefined
      ? keepers.keeper(hostPrefix(address), holder, self)
      : (keepers.awardee(address, holder) ?? (said.has(address.text) ? undefined : holder))
  return keeper === self ? undefined : keeper
}

function tell(state: AgentState, before: Kept): void {
  const { kept, set, ownership, config } = state
  const known = new Set(before.leases.filter(isLost).map(({ lease }) => lease.address.text))
  for (const { lease, lostTo: node } of kept.leases) {
    const address = lease.address.text
    if (node === undefined || known.has(address)) continue
    const name = set.record(node)?.name ?? node
    state.note({ code: 'address-lost', address, ...lease.attachment, node, name })
  }
  const lost = kept.leases.filter(isLost).length
  if (lost > 0) state.begin('addresses-lost', { code: 'addresses-lost', addresses: lost })
  else state.end('addresses-lost')
  const [first] = kept.leases
  if (!first || before.leases.length > 0) return
  const holder = ownership.holder(hostPrefix(first.lease.address))?.origin
  if (holder === config.self) return
  state.note({
    code: 'addresses-kept',
    addresses: kept.leases.length,
    prefix: first.lease.subnet.text,
    name: holder ? (set.record(holder)?.name ?? holder) : '',
  })
}

const isSame = (leases: readonly Lease[], before: readonly KeptLease[]): boolean =>
  leases.length === before.length && leases.every((lease, at) => lease === before[at]?.lease)

const isLost = ({ lostTo }: KeptLease): boolean => lostTo !== undefined

function listsOf(leases: readonly Lease[]): AddressList[] {
  const subnets = new Map(leases.map(({ subnet }) => [subnet.text, subnet]))
  const lists: AddressList[] = []
  let room: number = recordLimits.keptBytes
  for (const subnet of [...subnets.values()].slice(0, recordLimits.kept)) {
    const inside = leases.map(({ address }) => address).filter((each) => holds(subnet, each))
    const list = packAddresses(subnet, inside, room)
    room -= list.packed.length
    lists.push(list)
  }
  return lists
}

/** Subnets of which anything is kept, each once. */
function subnetsOf({ leases, lists }: Kept): Prefix[] {
  const all = [...leases.map(({ lease }) => lease.subnet), ...lists.map(({ prefix }) => prefix)]
  return [...new Map(all.map((subnet) => [subnet.text, subnet])).values()]
}

/**
 * What this host's bridge answers for, as containers take for neighbours whoever has an address of their subnet. The
 * answer to ARP follows from the routes; for IPv6 each address must be named.
 */
function answersOf(state: AgentState): BridgeAnswers {
  const { kept, awarded, keepers, ownership, config } = state
  const isKept = kept.leases.length + kept.lists.length > 0
  if (!isKept && awarded.length === 0) return noAnswers
  const self = config.self
  const named = awarded.filter(({ node, prefix }) => node !== self && prefix.family === 6)
  const addresses = named.flatMap((award) => [...addressesIn(award)])
  for (const subnet of subnetsOf(kept)) {
    const holder = subnet.family === 6 ? ownership.holder(subnet)?.origin : undefined
    if (holder === undefined) continue
    for (const { address, node } of keepers.awardedIn(subnet, holder)) {
      if (node !== self) addresses.push(address)
    }
  }
  const keepsV4 = subnetsOf(kept).some(({ family }) => family === 4)
  const isLeft = awarded.some(({ node, prefix }) => node !== self && prefix.family === 4)
  return { arp: keepsV4 || isLeft, neighbours: addresses.sort(compareAddresses) }
}
