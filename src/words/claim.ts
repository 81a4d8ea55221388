/** Why one claim goes before another, in words. */

import type { ClaimMessage } from '../adapters/api/definition.ts'

/** `yielding: that of h2 was confirmed earlier`; empty for the winner. */
export const standingText = ({ standing, lostTo, lostBy }: ClaimMessage): string =>
  standing === 'winner' ? '' : `${standing}: ${stepText(lostBy, lostTo || 'another node')}`

/** `reclaimed twice before`; empty: never. */
export const fenceText = ({ fence }: Pick<ClaimMessage, 'fence'>): string =>
  fence === 0 ? '' : `reclaimed ${fence === 1 ? 'once' : `${fence} times`} before`

/** By the step of the order that decided. */
function stepText(step: string, winner: string): string {
  const text = stepTexts.get(step)
  return text ? text(winner) : `it goes after that of ${winner}`
}

const stepTexts: ReadonlyMap<string, (winner: string) => string> = new Map([
  ['pool', (winner) => `it is cut from no pool of this node, unlike that of ${winner}`],
  ['pinned', (winner) => `the operator gave it to ${winner}`],
  ['held', (winner) => `this node has long seen ${winner} hold it`],
  ['witnesses', (winner) => `more nodes saw ${winner} hold it`],
  ['fence', (winner) => `it was reclaimed since, and ${winner} claimed it then`],
  ['confirmed', (winner) => `that of ${winner} is confirmed`],
  ['used', (winner) => `that of ${winner} has had leases`],
  ['earlier', (winner) => `that of ${winner} was confirmed earlier`],
  ['node-id', (winner) => `all else is equal, and ${winner} has the lower id`],
  ['prefix', (winner) => `${winner} claims another prefix that comes first`],
])
