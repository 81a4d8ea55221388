/** What each cell of a pool's drawing shows. */

import type { BoardLists, ExcludedMessage, PlacedClaim } from '../adapters/api/board.ts'
import type { PoolMessage } from '../adapters/api/pool-map.ts'
import { bitsOf } from '../core/ip/address.ts'
import { prefix } from '../core/ip/prefix.ts'
import type { Shown } from './board.ts'

/** The graver comes first: a cell that stands for several subnets shows that. */
export const cellStates = [
  'contested',
  'host-down',
  'agent-down',
  'suspect',
  'own',
  'tentative',
  'confirmed',
  'left',
  'excluded',
  'free',
] as const
export type CellState = (typeof cellStates)[number]

export interface Cell {
  readonly state: CellState
  /** The winner first. */
  readonly claims: readonly PlacedClaim[]
  readonly excluded: ExcludedMessage | undefined
  /** Who had it while this page looked; empty: nobody. */
  readonly former: string
}

export function cellsOf(
  pool: number,
  {
    pools,
    lists,
    former,
  }: Pick<Shown, 'former'> & {
    readonly pools: readonly PoolMessage[]
    readonly lists: Pick<BoardLists, 'nodes' | 'claims' | 'excluded'>
  },
): readonly Cell[] {
  const message = pools[pool]
  if (!message) return []
  const claims = placed(lists.claims, pool)
  const excluded = placed(lists.excluded, pool)
  return Array.from({ length: 2 ** message.cellBits }, (_, at) => {
    const here = (claims.get(at) ?? []).toSorted(winnerFirst)
    const gone = former.size === 0 ? '' : (former.get(cellPrefix(message, at)) ?? '')
    const [exclusion] = excluded.get(at) ?? []
    const states = here.map((claim) => stateOf(claim, lists))
    if (isContested(here)) states.push('contested')
    const state =
      cellStates.find((each) => states.includes(each)) ??
      (exclusion ? 'excluded' : gone === '' ? 'free' : 'left')
    return { state, claims: here, excluded: exclusion, former: gone }
  })
}

/** The prefix that a cell stands for. */
export function cellPrefix({ family, first, cellLength }: PoolMessage, at: number): string {
  const size = BigInt(bitsOf(family) - cellLength)
  return prefix(family, BigInt(first) + (BigInt(at) << size), cellLength).text
}

/** `172.16.4.0/22, confirmed, node-7` */
export function cellText(message: PoolMessage, at: number, cell: Cell): string {
  const { claims, excluded, former, state } = cell
  const [claim] = claims
  const parts = [cellPrefix(message, at), stateWords[state]]
  if (claim) parts.push(claim.name, claims.length > 1 ? `and ${claims.length - 1} more` : '')
  else if (excluded) parts.push(`by ${excluded.by.join(', ')}`)
  else if (former !== '') parts.push(`of ${former}`)
  return parts.filter((part) => part !== '').join(', ')
}

export const stateWords: Readonly<Record<CellState, string>> = {
  own: 'this node',
  confirmed: 'confirmed',
  tentative: 'tentative',
  suspect: 'suspect',
  'agent-down': 'agent down',
  'host-down': 'host down',
  contested: 'contested',
  left: 'left or leaving',
  excluded: 'excluded',
  free: 'free',
}

function stateOf(
  { node, own, state }: PlacedClaim,
  { nodes }: Pick<BoardLists, 'nodes'>,
): CellState {
  const holder = nodes.get(node)
  const liveness = own ? 'alive' : (holder?.liveness ?? 'alive')
  if (liveness === 'suspect' || liveness === 'agent-down') return liveness
  if (liveness !== 'alive') return 'host-down'
  if (state === 'tentative') return 'tentative'
  if (own) return 'own'
  return holder?.draining ? 'left' : 'confirmed'
}

/** Whatever else lies in a coarse cell: only who yields tells of a conflict. */
const isContested = (claims: readonly PlacedClaim[]): boolean =>
  claims.some(({ standing }) => standing !== 'winner')

const winnerFirst = (a: PlacedClaim, b: PlacedClaim): number =>
  Number(b.standing === 'winner') - Number(a.standing === 'winner')

function placed<R extends { pool: number; at: number; span: number }>(
  rows: ReadonlyMap<string, R>,
  pool: number,
): ReadonlyMap<number, readonly R[]> {
  const cells = new Map<number, R[]>()
  for (const row of rows.values()) {
    if (row.pool !== pool) continue
    for (let at = row.at; at < row.at + row.span; at += 1) {
      const there = cells.get(at)
      if (there) there.push(row)
      else cells.set(at, [row])
    }
  }
  return cells
}
