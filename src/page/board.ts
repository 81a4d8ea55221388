/** The agent's board as this page knows it, and what a message makes of it. */

import type { BoardEvent, BoardLists, HeadMessage } from '../adapters/api/board.ts'

export interface Shown {
  /** Undefined until the agent has told it. */
  readonly head: HeadMessage | undefined
  readonly lists: BoardLists
  /** Names of the nodes whose claims ended while this page looked, by prefix. */
  readonly former: ReadonlyMap<string, string>
}

/** As the agent sends it: rows that are new or different, and keys of those that are gone. */
export interface Change {
  readonly head?: HeadMessage
  readonly lists: {
    readonly [name in keyof BoardLists]?: {
      readonly set: readonly (readonly [string, ValueOf<BoardLists[name]>])[]
      readonly gone: readonly string[]
    }
  }
}

type ValueOf<M> = M extends ReadonlyMap<string, infer V> ? V : never

export interface Events {
  readonly events: readonly BoardEvent[]
  /** How many more there were. */
  readonly missed: number
}

export const nothing: Shown = {
  head: undefined,
  lists: {
    nodes: new Map(),
    claims: new Map(),
    excluded: new Map(),
    routes: new Map(),
    leases: new Map(),
  },
  former: new Map(),
}

/** A list that does not change stays the same object. */
export function changed(before: Shown, { head = before.head, lists }: Change): Shown {
  const { nodes, claims, excluded, routes, leases } = before.lists
  const after: BoardLists = {
    nodes: merged(nodes, lists.nodes),
    claims: merged(claims, lists.claims),
    excluded: merged(excluded, lists.excluded),
    routes: merged(routes, lists.routes),
    leases: merged(leases, lists.leases),
  }
  return { head, lists: after, former: formerAfter(before, lists.claims?.gone ?? [], after) }
}

function merged<V>(
  before: ReadonlyMap<string, V>,
  change: { set: readonly (readonly [string, V])[]; gone: readonly string[] } | undefined,
): ReadonlyMap<string, V> {
  if (!change) return before
  const after = new Map(before)
  for (const key of change.gone) after.delete(key)
  for (const [key, row] of change.set) after.set(key, row)
  return after
}

function formerAfter(
  { former, lists }: Shown,
  gone: readonly string[],
  after: BoardLists,
): ReadonlyMap<string, string> {
  if (after.claims === lists.claims) return former
  const next = new Map(former)
  for (const key of gone) {
    const claim = lists.claims.get(key)
    if (claim) next.set(claim.prefix, claim.name)
  }
  for (const { prefix } of after.claims.values()) next.delete(prefix)
  for (const prefix of next.keys()) if (next.size > formerMax) next.delete(prefix)
  return next
}

const formerMax = 256
