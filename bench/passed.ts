/** What an agent that notes the points of its way writes, and where. */

/** Beside the state directory of each host. */
export const stagesFile = 'stages.json'

export type Point =
  | 'commanded'
  | 'persisting'
  | 'persisted'
  | 'publishing'
  | 'arrived'
  | 'stepping'
  | 'stepped'
  | 'writing'
  | 'written'

/** A point that was passed, in ms on the clock that all processes share. */
export type Passed = readonly [point: Point, at: number]
