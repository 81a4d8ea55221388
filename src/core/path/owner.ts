/** Whose host an address is behind, as a node knows it. */

import type { NodeId, NodeRecord } from '../claim/record.ts'
import type { Address } from '../ip/address.ts'
import { holds } from '../ip/prefix.ts'
import type { AgentView, RouteView } from '../view.ts'

/** Undefined: no node of the cluster has it. */
export function ownerOf(view: AgentView, address: Address): NodeRecord | undefined {
  const records = recordsIn(view)
  const of = (origin: NodeId | undefined) => records.find((record) => record.origin === origin)
  const host = records.find(({ nextHops }) => nextHops.some(({ text }) => text === address.text))
  if (host) return host
  const kept = view.routes.find(({ kind, prefix }) => kind === 'kept' && holds(prefix, address))
  if (kept) return of(kept.origin)
  const isKeptHere = view.kept.some(
    ({ lease, lostTo }) => lostTo === '' && lease.address.text === address.text,
  )
  if (isKeptHere) return view.own
  const claim = view.claims.find(
    ({ claim: { prefix }, standing }) => standing === 'winner' && holds(prefix, address),
  )
  return claim ? of(claim.origin) : announcerOf(records, address)
}

/** Of all that lead to an address, the one that is taken. */
export const routeTo = (routes: readonly RouteView[], address: Address): RouteView | undefined =>
  routes
    .filter(({ prefix }) => holds(prefix, address))
    .sort((a, b) => b.prefix.length - a.prefix.length)[0]

/** Its own first, and as it says it now. */
export const recordsIn = ({ own, nodes, self }: AgentView): readonly NodeRecord[] => [
  own,
  ...nodes.map(({ record }) => record).filter(({ origin }) => origin !== self),
]

/** Of the longest prefix. */
function announcerOf(records: readonly NodeRecord[], address: Address): NodeRecord | undefined {
  const found = records.flatMap((record) =>
    record.extras
      .filter((extra) => holds(extra, address))
      .map(({ length }) => ({ record, length })),
  )
  return found.sort((a, b) => b.length - a.length)[0]?.record
}
