/** Finds the smallest storm that still fails: fewer hosts, then fewer faults. */

import { type Outcome, simulate } from './simulate.ts'
import { drawFaults, storm } from './storm.ts'

export interface Storm {
  readonly seed: number
  readonly nodes: number
  /** Places of the faults that are played. */
  readonly only: readonly number[]
}

/** Runs that shrinking may take. */
const triesMax = 60

export const wholeStorm = (seed: number, nodes: number): Storm => ({
  seed,
  nodes,
  only: drawFaults(seed).map((_, place) => place),
})

export const playStorm = (
  { seed, nodes, only }: Storm,
  onTrace?: (line: string) => void,
): Outcome =>
  simulate({
    scenario: storm(seed, new Set(only)),
    nodes,
    seed,
    ...(onTrace && { onTrace }),
  })

/** The smallest that was found; `failing` itself where nothing smaller fails. */
export function shrink(failing: Storm): Storm {
  let smallest = failing
  let tries = 0
  const fails = (storm: Storm): boolean => {
    tries += 1
    return tries <= triesMax && playStorm(storm).violations.length > 0
  }
  for (const nodes of [3, 4, 6, 8, 12, 16]) {
    if (nodes >= smallest.nodes) break
    if (fails({ ...smallest, nodes })) smallest = { ...smallest, nodes }
  }
  for (const place of failing.only) {
    const fewer = { ...smallest, only: smallest.only.filter((each) => each !== place) }
    if (fails(fewer)) smallest = fewer
  }
  return smallest
}
