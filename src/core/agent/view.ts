/** The agent's state as its operator and the simulator's checkers see it. */

import type { NodeId } from '../claim/record.ts'
import { clockSetMs } from '../claim/resolve.ts'
import type { Note } from '../note.ts'
import { extraFault } from '../routing/extras.ts'
import { faultText } from '../routing/select.ts'
import type { AgentView, ClaimView, Convergence, NodeView } from '../view.ts'
import { namesOfMissers } from './liveness.ts'
import { saidOf } from './publish.ts'
import type { AgentState } from './state.ts'
import { trustProblems } from './trust.ts'

/** One for the whole life of the agent: every call of the API asks for it, and reads a part of it. */
export function viewOf(state: AgentState): AgentView {
  const { config, set, own, router } = state
  return {
    self: config.self,
    name: config.name,
    cluster: config.cluster,
    admission: state.trust.mode,
    bridge: config.bridge,
    ipam: state.ipam.view(),
    get uplink() {
      return own.uplink.name
    },
    get discovery() {
      return config.discovers
        ? { link: own.uplink.name, heard: state.neighbours.length }
        : undefined
    },
    get phase() {
      return state.phase
    },
    get incarnation() {
      return own.incarnation
    },
    get own() {
      return own.preview(saidOf(state))
    },
    get claims() {
      return claims(state)
    },
    get routes() {
      return router.view()
    },
    get nodes() {
      return nodes(state)
    },
    get problems() {
      return problems(state)
    },
    get root() {
      return set.root
    },
    get tombstones() {
      return set.tombstones
    },
    get fences() {
      return set.fences
    },
    get kept() {
      return state.kept.leases.map(({ lease, lostTo }) => ({
        lease,
        lostTo: lostTo === undefined ? '' : (set.record(lostTo)?.name ?? lostTo),
      }))
    },
    get convergence() {
      return convergence(state)
    },
  }
}

function claims({ ownership, set, config }: AgentState): ClaimView[] {
  const nameOf = (node: NodeId) => set.record(node)?.name ?? node
  return [...ownership.all()].map(({ claim, origin, standing, lostBy }) => {
    const winner = lostBy && ownership.holder(claim.prefix)
    return {
      claim,
      origin,
      name: set.record(origin)?.name ?? '',
      standing,
      lost: lostBy && { to: winner ? nameOf(winner.origin) : '', by: lostBy },
      own: origin === config.self,
    }
  })
}

function nodes(state: AgentState): NodeView[] {
  const { set, peers, config, missed, now, wallMs } = state
  return set.records().map((record) => {
    const peer = peers.get(record.origin)
    const { state: liveness = 'alive', since } = missed.get(record.origin) ?? {}
    return {
      record,
      self: record.origin === config.self,
      connected: peer !== undefined,
      address: peer?.address ?? '',
      digestEqual: peer?.root === undefined ? undefined : peer.root === set.root,
      liveness,
      sinceMs: since === undefined ? 0 : wallMs - (now - since),
      missedBy: liveness === 'alive' ? [] : namesOfMissers(state, record.origin),
    }
  })
}

function problems(state: AgentState): AgentView['problems'] {
  const { conditions, claimant, router, bridge, firewall, ipam, leaks } = state
  const bridgeProblem = bridge.problem ? [bridge.problem] : []
  return [
    ...conditions.all(),
    ...ownClock(state),
    ...trustProblems(state),
    ...claimant.problems(),
    ...bridgeProblem,
    ...firewall.problems(),
    ...located(state, router.problems()),
    ...ipam.problems(),
    ...refusedAnnouncements(state),
    ...leaks.problems(),
  ]
}

/** With the connection of the node that a route is refused of. */
export const located = <N extends Note>({ peers }: AgentState, notes: readonly N[]): N[] =>
  notes.map((note) => {
    const via = note.code === 'route-refused' && peers.get(note.origin)?.address
    return via ? { ...note, via } : note
  })

function ownClock({ config, startedAt }: AgentState): AgentView['problems'] {
  const isSet = startedAt + config.wallOffsetMs >= clockSetMs
  return isSet ? [] : [{ code: 'clock-unset', node: undefined, name: config.name }]
}

/** What this node announces, and no other node routes to it. */
function refusedAnnouncements({ own, config, extraWorld, set }: AgentState): AgentView['problems'] {
  return own.extras.flatMap((extra) => {
    const fault = extraFault(extra, config.self, config, extraWorld)
    if (!fault) return []
    const by = faultText(fault, (node) => set.record(node)?.name)
    return [{ code: 'announcement-refused', prefix: extra.text, why: fault.why, by }]
  })
}

function convergence(state: AgentState): Convergence {
  const { claimant, peers, set, router, bridge, isReady } = state
  const claimed = isReady && claimant.complete
  const digestsEqual = isReady && peers.differing(set.root).length === 0
  const kernelEqual = isReady && router.kernelEqual && bridge.settled
  return { claimed, digestsEqual, kernelEqual, converged: claimed && digestsEqual && kernelEqual }
}
