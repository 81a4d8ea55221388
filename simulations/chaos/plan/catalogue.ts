/** What chaos can do to a cluster, as far as a plan needs to know it: how long, to whom, and what it may cost. */

import type { Millis } from '../../../src/core/rng.ts'

export interface FaultKind {
  readonly realm: Realm
  /** For `--list` and for whoever reads a plan. */
  readonly what: string
  /** Least and greatest time until it is mended; both 0: it is over at once. */
  readonly lastsMs: readonly [Millis, Millis]
  readonly hits: Hits
  readonly costs: Cost
  /** Whether nothing else may be done to its hosts in the same round: it takes their agents or their namespaces away. */
  readonly isAlone: boolean
  /** After it is mended, until all must be right again. */
  readonly rightWithinMs: Millis
}

/** What of a host it is done to. */
export type Realm = 'agent' | 'host' | 'line' | 'kernel' | 'disk' | 'operator'

/** `minority`: less than half of the hosts. `pair`: two, of which the order counts. */
export type Hits = 'one' | 'pair' | 'minority' | 'half' | 'all'

/** Which echoes may be lost while it lasts, and until all must be right: `own`: of its hosts; `across`: between them and the others; `between`: from the first to the second one and back. */
export type Cost = 'nothing' | 'own' | 'across' | 'between'

/** Of a round, whatever its faults are. */
export const rightMs = 10_000
/** A node that was set up anew is found to be displaced, and its former self evicted. */
const evictedMs = 20_000

const agent = {
  realm: 'agent',
  hits: 'one',
  costs: 'nothing',
  isAlone: true,
  rightWithinMs: rightMs,
} as const
const host = {
  realm: 'host',
  hits: 'one',
  costs: 'own',
  isAlone: true,
  rightWithinMs: rightMs,
} as const
const line = {
  realm: 'line',
  hits: 'one',
  costs: 'across',
  isAlone: false,
  rightWithinMs: rightMs,
} as const
const disk = { ...agent, realm: 'disk' } as const
const operator = { ...agent, realm: 'operator', isAlone: false } as const
const kernel = {
  realm: 'kernel',
  hits: 'one',
  costs: 'own',
  isAlone: false,
  rightWithinMs: rightMs,
} as const

export const catalogue = {
  'kill-agent': { ...agent, what: 'kill -9 of an agent; Docker starts it again', lastsMs: [0, 0] },
  'kill-reader': {
    ...agent,
    what: "kill -9 of the process that reads an agent's kernel",
    lastsMs: [0, 0],
  },
  'kill-at-sync': {
    ...disk,
    what: 'an agent dies at one of its next writes to disk',
    lastsMs: [8_000, 12_000],
  },
  'stop-agent': { ...agent, what: 'docker stop of an agent, then start', lastsMs: [1_000, 20_000] },
  'freeze-agent': { ...agent, what: 'SIGSTOP of an agent', lastsMs: [1_000, 30_000] },
  'starve-agent': {
    ...agent,
    what: 'an agent gets a twentieth of a CPU',
    lastsMs: [5_000, 20_000],
    rightWithinMs: 20_000,
  },
  'kill-all-agents': {
    ...agent,
    hits: 'all',
    what: 'kill -9 of all agents at once',
    lastsMs: [0, 0],
  },
  'restart-in-turn': {
    ...agent,
    hits: 'all',
    what: 'agents are restarted one after the other',
    lastsMs: [0, 0],
  },
  'recreate-agent': {
    ...agent,
    what: 'the container of an agent is made anew, with its volume',
    lastsMs: [0, 0],
  },
  'set-up-anew': {
    ...host,
    what: 'a host is made anew without its state: another node, with another subnet',
    lastsMs: [0, 0],
    rightWithinMs: evictedMs,
  },
  'power-off': {
    ...host,
    what: 'a host loses its power, and with it its namespace, and has it again',
    lastsMs: [4_000, 20_000],
  },
  'cut-off': { ...line, what: 'a host is cut off, its carrier up', lastsMs: [1_000, 20_000] },
  'cut-minority': {
    ...line,
    hits: 'minority',
    what: 'some hosts are cut off from the others, and not from each other',
    lastsMs: [1_000, 20_000],
  },
  'cut-halves': {
    ...line,
    hits: 'half',
    what: 'the switch falls into two halves',
    lastsMs: [1_000, 20_000],
  },
  'cut-pair': {
    ...line,
    hits: 'pair',
    costs: 'between',
    what: 'two hosts do not hear each other, and all others hear both',
    lastsMs: [1_000, 20_000],
  },
  'one-way': { ...line, what: 'nobody hears a host, which hears all', lastsMs: [1_000, 20_000] },
  flap: { ...line, what: 'a host is cut off every other second', lastsMs: [5_000, 20_000] },
  loss: {
    ...line,
    what: 'a tenth to a third of what a host sends is lost',
    lastsMs: [5_000, 20_000],
  },
  'carrier-lost': { ...line, what: "a host's link loses its carrier", lastsMs: [1_000, 20_000] },
  'delete-routes': { ...kernel, what: 'all owned routes of a host are deleted', lastsMs: [0, 0] },
  'flush-routes': {
    ...kernel,
    what: 'all owned routes below the pool of a host are flushed',
    lastsMs: [0, 0],
  },
  'replace-routes': {
    ...kernel,
    what: 'the owned routes of a host are replaced by unreachable ones of somebody else',
    lastsMs: [0, 0],
  },
  'drop-bridge-address': { ...kernel, what: "a bridge's address is deleted", lastsMs: [0, 0] },
  'stop-forwarding': {
    ...kernel,
    what: 'forwarding is switched off, and on again',
    lastsMs: [1_000, 5_000],
  },
  'many-routes': {
    ...kernel,
    costs: 'nothing',
    what: 'fifty thousand routes of somebody else come and go',
    lastsMs: [1_000, 5_000],
    rightWithinMs: 20_000,
  },
  'slow-disk': {
    ...disk,
    what: 'each write of an agent to its disk takes 0.3 s longer',
    lastsMs: [5_000, 20_000],
  },
  'failing-disk': {
    ...disk,
    what: 'no write of an agent to its disk works',
    lastsMs: [5_000, 20_000],
  },
  'announce-storm': {
    ...operator,
    what: 'a host announces and withdraws prefixes as fast as it can',
    lastsMs: [2_000, 10_000],
  },
  'evict-living': {
    ...operator,
    what: 'an operator evicts a host that lives, which is refused',
    lastsMs: [0, 0],
  },
} as const satisfies Record<string, FaultKind>

export type FaultName = keyof typeof catalogue

export const kindOf = (name: FaultName): FaultKind => catalogue[name]
