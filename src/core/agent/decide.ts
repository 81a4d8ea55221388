/** Whether a command can be carried out, and what to answer. */

import { isRecord, type Tombstone } from '../claim/record.ts'
import { tombstoneOf } from '../claim/tombstone.ts'
import type { FailureCode } from '../codes/failures.ts'
import { refusalText } from '../describe.ts'
import type { Command } from '../event.ts'
import { unreachable } from '../invariant.ts'
import type { Prefix } from '../ip/prefix.ts'
import { isAccepted } from '../routing/accept.ts'
import { extraFault } from '../routing/extras.ts'
import { faultText } from '../routing/select.ts'
import { evictionDelay } from './evictions.ts'
import type { AgentState } from './state.ts'

export type Decision =
  | {
      readonly ok: true
      readonly message: string
      /** What an eviction publishes. */
      readonly tombstone?: Tombstone
    }
  | { readonly ok: false; readonly code: FailureCode; readonly message: string }

/** Changes the own record's extra prefixes where the command says so, and nothing else. */
export function decide(command: Command, state: AgentState): Decision {
  if (state.phase === 'left') return hasLeft
  switch (command.type) {
    case 'announce':
      return announce(command.prefix, state)
    case 'withdraw':
      return withdraw(command.prefix, state)
    case 'evict':
      return evict(command.node, state)
    case 'leave':
      return leave(command.force === true, state)
    case 'give-up':
      return giveUp(command.prefix, state)
    case 'claim':
      return agree('claims a subnet')
    case 'purge':
      return agree("removed all of starling's routes; none is written until starling resync")
    case 'resync':
      return agree('the kernel was read again, and routes are repaired')
    case 'probe':
      return agree('digests asked for')
    case 'allocate':
    case 'release':
    case 'adopt':
    case 'install':
      return agree('')
    default:
      return unreachable(command)
  }
}

function announce(prefix: Prefix, { own, config, extraWorld, set, trust }: AgentState): Decision {
  const fault = extraFault(prefix, config.self, config, extraWorld)
  if (fault) {
    const by = faultText(fault, (node) => set.record(node)?.name)
    return refuse(fault.why, `${prefix.text} is not announced: ${refusalText(fault.why, by)}`)
  }
  if (!trust.mayAnnounce(prefix)) {
    return refuse(
      'not-allowed',
      `this node's certificate does not allow ${prefix.text}: sign another one (starling admin admit ${config.self} --name ${config.name} --announce ${prefix.text}) and install it`,
    )
  }
  if (!own.announce(prefix)) {
    return refuse(
      'too-many-prefixes',
      'this node announces as many extra prefixes as a record holds: withdraw one first',
    )
  }
  return isAccepted(prefix, config.accept)
    ? agree(`announced ${prefix.text}`)
    : agree(`announced ${prefix.text}; nodes refuse it unless their acceptPrefixes allows it`)
}

function withdraw(prefix: Prefix, { own, config }: AgentState): Decision {
  if (own.withdraw(prefix)) return agree(`withdrew ${prefix.text}`)
  return config.announce.some(({ text }) => text === prefix.text)
    ? refuse(
        'configured',
        `${prefix.text} is announced by the configuration: remove it there and restart the agent`,
      )
    : refuse(
        'not-announced',
        `${prefix.text} is not announced by this node: starling status lists what is`,
      )
}

function leave(force: boolean, { ipam }: AgentState): Decision {
  const held = ipam.size
  return held > 0 && !force
    ? refuse(
        'leases-live',
        `containers hold ${held} addresses of this host's subnet, which others may get: stop them first (starling ip list), or starling leave --force`,
      )
    : agree('left the cluster: subnet freed, routes removed; the agent ends')
}

function giveUp(prefix: Prefix, { claimant, ipam }: AgentState): Decision {
  if (!claimant.claims.some((claim) => claim.prefix.text === prefix.text)) {
    return agree(`${prefix.text} is not this node's`)
  }
  const held = ipam.held(prefix)
  return held > 0
    ? refuse(
        'leases-live',
        `containers hold ${held} addresses of ${prefix.text}: release them first`,
      )
    : agree(`gave up ${prefix.text}`)
}

function evict(node: string, state: AgentState): Decision {
  const { set, config, peers, trust } = state
  const matches = set.records().filter(({ origin, name }) => origin === node || name === node)
  const [victim] = matches
  if (!victim) return refuse('unknown-node', `no node ${node}: starling peers lists the nodes`)
  if (matches.length > 1) {
    return refuse('ambiguous-node', `${matches.length} nodes are named ${node}: name one by its id`)
  }
  if (victim.origin === config.self) {
    return refuse('is-self', 'a node does not evict itself: use starling leave')
  }
  if (peers.has(victim.origin)) {
    return refuse('node-alive', `${victim.name} is alive and connected: run starling leave on it`)
  }
  const ended = set.get(victim.origin)
  if (!ended || !isRecord(ended)) return refuse('unknown-node', `no node ${node}`)
  const delayMs = evictionDelay(state, victim.origin)
  const message =
    delayMs > 0
      ? `${victim.name} is evicted in ${Math.ceil(delayMs / 1000)} s, unless it answers before`
      : `evicted ${victim.name}: its prefixes are free`
  return {
    ok: true,
    message,
    tombstone: tombstoneOf(ended, {
      reason: 'evicted',
      author: config.self,
      ...trust.shown,
    }),
  }
}

export const hasLeft = {
  ok: false,
  code: 'left',
  message: 'this node has left the cluster: start the agent again to join',
} as const

const agree = (message: string): Decision => ({ ok: true, message })
const refuse = (code: FailureCode, message: string): Decision => ({ ok: false, code, message })
