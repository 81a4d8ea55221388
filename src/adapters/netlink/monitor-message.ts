/** What the agent and its monitor child say to each other. */

import type { ByteScope } from './scope.ts'

export interface MonitorSetup {
  readonly scope: ByteScope
  /** The port that the agent writes routes from: what comes with it is no news. */
  readonly ownPort: number
  /** Number of the latest own write: all that is seen is later. */
  readonly seq: number
  /** Keys of `ScopeFilter.watch`. */
  readonly watched: readonly string[]
}

export type ToMonitor =
  /** The first message, and only once. Answered by `ready`. */
  | { readonly type: 'begin'; readonly setup: MonitorSetup }
  /** The last frame was taken in: the next one may be sent. */
  | { readonly type: 'taken' }
  /** Answered by `watching`. */
  | { readonly type: 'watch'; readonly keys: readonly string[] }
  /** Leave the route groups while the agent writes more than the receive buffer holds. Answered by `paused`. */
  | { readonly type: 'pause' }
  /** Join them again; own writes up to `seq` are past. Answered by `ready`. */
  | { readonly type: 'resume'; readonly seq: number }

export type FromMonitor =
  /**
   * All subscriptions are in place. `capacity`: how many notifications the receive buffer surely holds; `seq`: as it
   * was told.
   */
  | { readonly type: 'ready'; readonly capacity: number; readonly seq: number }
  | { readonly type: 'paused' }
  | { readonly type: 'watching' }
  | Frame

/** One at a time is under way: the child keeps the rest until it was taken in. */
export interface Frame {
  readonly type: 'frame'
  /** Notifications were dropped since the last frame; everything after it is complete again. */
  readonly lost: boolean
  /** Number of the latest own write that the child has seen. */
  readonly seq: number
  /** How many routes came and went that are not among the notifications. */
  readonly foreign: number
  /**
   * In the kernel's order: each is the number of the latest own write before it (u32, little-endian), and the netlink
   * message, padded to 4 bytes.
   */
  readonly notifications: Uint8Array
}
