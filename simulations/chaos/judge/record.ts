/** A run of chaos as lines of JSON: what was done, what was seen, all with one clock. It can be judged again at any time. */

import type { Millis } from '../../../src/core/rng.ts'
import type { Schedule } from '../plan/schedule.ts'

/** In place of a host's number: a subnet that nobody has. The echo program has room for 64 peers. */
export const nobody = 63

/** What a fault did that can be seen from outside: it bit where `count` is above 0. */
export interface Witness {
  readonly what: string
  readonly count: number
}

export type LossKind = 'silence' | 'unreachable' | 'wrong-responder' | 'source-changed' | 'late'

export type StreamTrouble = 'stalled' | 'broken' | 'disordered'

/** All times are ms of CLOCK_MONOTONIC. Hosts go by their number in the schedule. */
export type Line =
  | { readonly type: 'run'; readonly schedule: Schedule }
  | { readonly type: 'round'; readonly number: number; readonly atMs: Millis }
  /** `atMs`: when it was tried; `bittenAtMs`: when it had bitten. */
  | {
      readonly type: 'begun'
      readonly fault: number
      readonly atMs: Millis
      readonly bittenAtMs: Millis
    }
  | { readonly type: 'skipped'; readonly fault: number; readonly why: string }
  /** `sinceMs`: when mending began. */
  | {
      readonly type: 'mended'
      readonly fault: number
      readonly sinceMs: Millis
      readonly atMs: Millis
      readonly witness: Witness
    }
  /** All faults of the round are mended. `wrong`: what still was when the patience was over. */
  | {
      readonly type: 'settled'
      readonly round: number
      readonly mendedAtMs: Millis
      readonly rightAtMs: Millis | undefined
      readonly wrong: readonly string[]
    }
  /** Route changes while nothing happened. */
  | { readonly type: 'quiet'; readonly round: number; readonly changes: number }
  /** Echoes from one container to another one that fared alike, by when they were sent. */
  | {
      readonly type: 'lost'
      readonly from: number
      readonly to: number
      readonly kind: LossKind
      readonly isFull: boolean
      /** Of a container that asks for errors: what it is answered by silence is wrong. */
      readonly isProbe: boolean
      readonly firstMs: Millis
      readonly lastMs: Millis
      readonly count: number
      readonly detail: string
    }
  | {
      readonly type: 'echoes'
      readonly from: number
      readonly to: number
      readonly isProbe: boolean
      readonly sent: number
      readonly good: number
      readonly worstMs: Millis
    }
  /** How all fare at one moment: kernels with a route to each other host, different digests, and ms of CPU since the last one. */
  | {
      readonly type: 'sample'
      readonly atMs: Millis
      readonly complete: number
      readonly digests: number
      readonly agentsCpuMs: Millis
      readonly runnerCpuMs: Millis
      /** Packets to the pool, so far, that reached the gateway of the hosts' network. */
      readonly leaked: number
      /** Packets between agents, so far. */
      readonly said: number
    }
  /** What an agent says of itself and which process it is, where that is not what it was the last time. */
  | {
      readonly type: 'node'
      readonly host: number
      readonly atMs: Millis
      readonly sinceMs: Millis
      readonly node: string
      readonly incarnation: number
      readonly claims: readonly string[]
      readonly pid: number
      readonly residentMb: number
      /** Files and sockets that it has open. */
      readonly descriptors: number
    }
  /** An owned route of a host came or went, or a route that somebody else made went. */
  | {
      readonly type: 'route'
      readonly host: number
      readonly atMs: Millis
      readonly change: 'added' | 'removed'
      readonly destination: string
      readonly isOwned: boolean
    }
  /** Nobody claims it, and one address of it is probed. */
  | { readonly type: 'free'; readonly prefix: string }
  /** A lease that is not as it was answered. */
  | {
      readonly type: 'lease'
      readonly host: number
      readonly atMs: Millis
      readonly what: string
    }
  /** A TCP connection from one container to another: from when the oldest number was sent that waited for its answer. */
  | {
      readonly type: 'stream'
      readonly from: number
      readonly to: number
      readonly kind: StreamTrouble
      readonly fromMs: Millis
      readonly toMs: Millis
      readonly why: string
    }
  /** Numbers that came back by such a connection. */
  | { readonly type: 'moved'; readonly from: number; readonly to: number; readonly count: number }
  /** Answers that a container was too slow for: no fault of the cluster. */
  | { readonly type: 'dropped'; readonly host: number; readonly count: number }
  | {
      readonly type: 'event'
      readonly host: number
      readonly atMs: Millis
      readonly code: string
      readonly level: string
      readonly text: string
    }

export const printed = (line: Line): string => `${JSON.stringify(line)}\n`

/** Rejects nothing: whoever reads a file that is no run finds that it has no first line. */
export function parsed(text: string): Line[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line)
}
