/** What is seen of a real host: by its command line, and in its kernel. */

import type { ShownRoute } from './iproute.ts'

/** The fields of `starling status --json` that matter here. */
export interface Status {
  readonly node: string
  readonly name: string
  readonly digest: string
  readonly claims: readonly { readonly prefix: string; readonly state: string }[]
}

/** The fields of `starling routes --json` that matter here. */
export interface ToldRoute {
  readonly prefix: string
  readonly state: string
}

/** What the checkers look at. */
export interface Observed {
  readonly name: string
  readonly address: string
  readonly status: Status
  /** Its owned routes, by `ip -j route`. */
  readonly kernel: readonly ShownRoute[]
  /** The same by `starling routes --json`. */
  readonly told: readonly ToldRoute[]
}

/** Hosts that are not looked at, as they were seen last. */
export interface Absent {
  /** Nothing is behind their routes. */
  readonly gone?: readonly Observed[]
  /** Their agents do not answer, and their routes stay. */
  readonly silent?: readonly Observed[]
}
