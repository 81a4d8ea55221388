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
  /** Whether a runtime makes the container behind its host anew, for its network went with the host's. */
  readonly takesContainer: boolean
  /** Whether its hosts are as good as switched off while it lasts. */
  readonly isDeath: boolean
  /** What it may do to the agents of its hosts besides. */
  readonly agents: AgentHarm
  /** After it is mended, until all must be right again. */
  readonly rightWithinMs: Millis
  /** The same, more for each of its hosts: their agents start on the cores of one machine. */
  readonly rightPerHostMs: Millis
}

/** What of a host it is done to. */
export type Realm =
  | 'agent'
  | 'host'
  | 'line'
  | 'kernel'
  | 'disk'
  | 'clock'
  | 'names'
  | 'stranger'
  | 'operator'

/** `ended`: they end, and keep all that they had. `lost`: another node, with another subnet, comes in their place, or an earlier one of it. */
export type AgentHarm = 'none' | 'ended' | 'lost'

/** `minority`: less than half of the hosts. `pair`: two, of which the order counts. `ring`: all, in an order that counts. */
export type Hits = 'one' | 'pair' | 'minority' | 'half' | 'all' | 'ring'

/**
 * Which echoes may be lost while it lasts, and until all must be right. `own`: of its hosts; `across`: between them and
 * the others; `between`: from the first to the second one and back; `ring`: between those that are not near each other
 * in the order of its hosts; `full`: of its hosts, and only those that fill a frame; `edges`: as `across`, while it is
 * begun and while it is mended, and for a second around.
 */
export type Cost = 'nothing' | 'own' | 'across' | 'between' | 'ring' | 'full' | 'edges'

/** Of a round, whatever its faults are. */
export const rightMs = 10_000
/** A node that was set up anew is found to be displaced, and its former self evicted. */
const evictedMs = 20_000

const common = {
  hits: 'one',
  costs: 'nothing',
  isAlone: false,
  takesContainer: false,
  isDeath: false,
  agents: 'none',
  rightWithinMs: rightMs,
  rightPerHostMs: 0,
} as const
const agent = { ...common, realm: 'agent', isAlone: true, agents: 'ended' } as const
const host = {
  ...common,
  realm: 'host',
  costs: 'own',
  isAlone: true,
  takesContainer: true,
  agents: 'lost',
} as const
const line = { ...common, realm: 'line', costs: 'across' } as const
const disk = { ...agent, realm: 'disk' } as const
const clock = { ...agent, realm: 'clock' } as const
const names = { ...agent, realm: 'names' } as const
const operator = { ...common, realm: 'operator' } as const
const kernel = { ...common, realm: 'kernel', costs: 'own' } as const

export const catalogue = {
  'kill-agent': { ...agent, what: 'kill -9 of an agent; Docker starts it again', lastsMs: [0, 0] },
  'kill-reader': {
    ...agent,
    agents: 'none',
    what: "kill -9 of the process that reads an agent's kernel",
    lastsMs: [0, 0],
  },
  'kill-at-sync': {
    ...disk,
    what: 'an agent dies at one of its next writes to disk',
    lastsMs: [8_000, 12_000],
  },
  'stop-agent': { ...agent, what: 'docker stop of an agent, then start', lastsMs: [1_000, 20_000] },
  'freeze-agent': {
    ...agent,
    agents: 'none',
    what: 'SIGSTOP of an agent',
    lastsMs: [1_000, 30_000],
  },
  'starve-agent': {
    ...agent,
    agents: 'none',
    what: 'an agent gets a twentieth of a CPU',
    lastsMs: [5_000, 20_000],
    rightWithinMs: 20_000,
  },
  'little-memory': {
    ...agent,
    what: 'an agent may use hardly more memory than it does',
    lastsMs: [5_000, 15_000],
    rightWithinMs: 20_000,
  },
  'few-files': {
    ...agent,
    what: 'an agent may open no further files or sockets',
    lastsMs: [5_000, 15_000],
  },
  'kill-all-agents': {
    ...agent,
    hits: 'all',
    what: 'kill -9 of all agents at once',
    lastsMs: [0, 0],
    // Twelve of them took 20.4, 21.1 and 25.9 s on two cores that carry the echoes, too.
    rightPerHostMs: 1_500,
  },
  'restart-in-turn': {
    ...agent,
    hits: 'all',
    what: 'agents are restarted, each once the one before it is there',
    lastsMs: [0, 0],
  },
  'recreate-agent': {
    ...agent,
    what: 'the container of an agent is made anew, with its volume',
    lastsMs: [0, 0],
  },
  'other-version': {
    ...agent,
    hits: 'all',
    what: 'agents are replaced one after the other by an earlier version, and by this one again',
    lastsMs: [0, 0],
    rightWithinMs: 20_000,
  },
  'crash-dockerd': {
    ...agent,
    agents: 'none',
    hits: 'all',
    what: 'kill -9 of dockerd; its containers live on until it is started again (live-restore)',
    lastsMs: [1_000, 10_000],
  },
  'set-up-anew': {
    ...host,
    what: 'a host is made anew without its state: another node, with another subnet',
    lastsMs: [0, 0],
    rightWithinMs: evictedMs,
  },
  'power-off': {
    ...host,
    agents: 'ended',
    isDeath: true,
    what: 'a host loses its power, and with it its namespace, and has it again',
    lastsMs: [4_000, 20_000],
  },
  'replace-host': {
    ...host,
    isDeath: true,
    what: 'a host dies for good, and another one is put in its place',
    lastsMs: [4_000, 12_000],
    rightWithinMs: evictedMs,
  },
  'leave-and-join': {
    ...host,
    what: 'a host leaves for good, and later a new one joins',
    lastsMs: [3_000, 12_000],
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
  'cut-ring': {
    ...line,
    hits: 'ring',
    costs: 'ring',
    what: 'each host hears a majority, and each another one',
    lastsMs: [4_000, 20_000],
  },
  swizzle: {
    ...line,
    hits: 'minority',
    costs: 'own',
    what: 'hosts are cut off one after the other, and come back in another order',
    lastsMs: [4_000, 20_000],
  },
  flap: { ...line, what: 'a host is cut off every other second', lastsMs: [5_000, 20_000] },
  loss: {
    ...line,
    what: 'a tenth to a third of what a host sends is lost',
    lastsMs: [5_000, 20_000],
  },
  delay: {
    ...line,
    costs: 'edges',
    what: 'what a host sends and hears takes 20 to 120 ms longer, and comes in another order',
    lastsMs: [5_000, 20_000],
  },
  'slow-line': {
    ...line,
    what: 'a host hears no more than 100 kbit/s',
    lastsMs: [5_000, 20_000],
  },
  'carrier-lost': { ...line, what: "a host's link loses its carrier", lastsMs: [1_000, 20_000] },
  'small-frames': {
    ...line,
    costs: 'full',
    what: "the MTU of a host's link is 1280",
    lastsMs: [5_000, 20_000],
  },
  'other-address': {
    ...line,
    costs: 'own',
    what: 'a host gets another address, and its first one again',
    lastsMs: [5_000, 20_000],
    rightWithinMs: 20_000,
  },
  'wrong-neighbour': {
    ...line,
    hits: 'pair',
    costs: 'between',
    what: 'a host takes the Ethernet address of another one for one that nobody has',
    lastsMs: [1_000, 20_000],
  },
  'taken-address': {
    ...line,
    costs: 'own',
    what: 'somebody else takes the address of a host',
    lastsMs: [3_000, 10_000],
    rightWithinMs: 20_000,
  },
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
  'delete-bridge': {
    ...kernel,
    takesContainer: true,
    what: 'the bridge of a host is deleted',
    lastsMs: [0, 0],
  },
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
  'closer-alien': {
    ...kernel,
    what: "somebody's route to a part of another host's subnet leads nowhere",
    lastsMs: [1_000, 10_000],
  },
  'foreign-rule': {
    ...kernel,
    what: 'a policy rule leads all traffic of the pool to a table of somebody else',
    lastsMs: [1_000, 10_000],
  },
  'strict-source': {
    ...kernel,
    costs: 'nothing',
    what: 'a host takes only what comes by the way that leads back (rp_filter)',
    lastsMs: [1_000, 10_000],
  },
  'flush-firewall': {
    ...kernel,
    costs: 'nothing',
    what: 'nft flush ruleset on a host',
    lastsMs: [1_000, 5_000],
  },
  'slow-disk': {
    ...disk,
    agents: 'none',
    what: 'each write of an agent to its disk takes 0.3 s longer',
    lastsMs: [5_000, 20_000],
  },
  'failing-disk': {
    ...disk,
    what: 'no write of an agent to its disk works: it ends where its own record must be written',
    lastsMs: [5_000, 20_000],
  },
  'full-disk': {
    ...disk,
    what: 'the disk of an agent is full: it ends where its own record must be written',
    lastsMs: [5_000, 20_000],
  },
  'read-only-disk': {
    ...disk,
    what: 'an agent starts on a disk that is read-only',
    lastsMs: [5_000, 15_000],
  },
  'damaged-state': {
    ...disk,
    what: "a stored file is cut off, has a wrong bit, or is another host's; an operator puts it back",
    lastsMs: [3_000, 10_000],
  },
  'rolled-back': {
    ...disk,
    agents: 'lost',
    what: 'an agent starts with what it had stored a while ago',
    lastsMs: [0, 0],
    rightWithinMs: 20_000,
  },
  'clock-ahead': {
    ...clock,
    what: 'an agent starts while the clock of its host is an hour ahead, and again once it is right',
    lastsMs: [3_000, 15_000],
  },
  'clock-behind': {
    ...clock,
    what: 'an agent starts while the clock of its host is an hour behind, and again once it is right',
    lastsMs: [3_000, 15_000],
  },
  'no-names': {
    ...names,
    what: 'no name is resolved, and an agent restarts',
    lastsMs: [5_000, 15_000],
  },
  'old-name': {
    ...names,
    what: 'the name of the seeds leads to where nobody is, and an agent restarts',
    lastsMs: [5_000, 15_000],
  },
  'copied-identity': {
    ...common,
    realm: 'stranger',
    costs: 'own',
    agents: 'ended',
    isAlone: true,
    what: 'another agent starts with a copy of what a host has stored',
    lastsMs: [10_000, 20_000],
    rightWithinMs: 20_000,
  },
  'hostile-member': {
    ...common,
    realm: 'stranger',
    hits: 'minority',
    what: 'a member that speaks the protocol attacks hosts with bytes, streams and sockets',
    lastsMs: [5_000, 15_000],
    rightWithinMs: 20_000,
  },
  'announce-storm': {
    ...operator,
    what: 'a host announces and withdraws prefixes as fast as it can',
    lastsMs: [2_000, 10_000],
  },
  'change-settings': {
    ...agent,
    realm: 'operator',
    what: 'an agent restarts with another metric of its routes, and then with its own',
    lastsMs: [3_000, 15_000],
  },
  'evict-living': {
    ...operator,
    what: 'an operator evicts a host that lives, which is refused',
    lastsMs: [0, 0],
  },
  purge: {
    ...operator,
    costs: 'own',
    isAlone: true,
    what: 'an operator purges all routes of a host, and resyncs it',
    lastsMs: [1_000, 10_000],
  },
} as const satisfies Record<string, FaultKind>

export type FaultName = keyof typeof catalogue

export const kindOf = (name: FaultName): FaultKind => catalogue[name]
