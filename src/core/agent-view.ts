/** The agent's state as its operator and the simulator's checkers see it. */

import type { AgentParts } from './parts.ts'
import type { AgentView, ClaimView, Convergence, NodeView } from './view.ts'

export function viewOf(
  parts: AgentParts,
  state: { phase: AgentView['phase']; isReady: boolean },
): AgentView {
  const { config, set, own, claimant, router } = parts
  return {
    self: config.self,
    name: config.name,
    cluster: config.cluster,
    phase: state.phase,
    incarnation: own.incarnation,
    own: own.preview(claimant.claims, claimant.exclusions),
    claims: claims(parts),
    routes: router.view(),
    nodes: nodes(parts),
    problems: problems(parts),
    root: set.root,
    tombstones: set.tombstones,
    fences: set.fences,
    convergence: convergence(parts, state.isReady),
  }
}

function claims({ ownership, set, config }: AgentParts): ClaimView[] {
  return [...ownership.all()].map(({ claim, origin, standing }) => ({
    claim,
    origin,
    name: set.record(origin)?.name ?? '',
    standing,
    own: origin === config.self,
  }))
}

function nodes({ set, peers, config }: AgentParts): NodeView[] {
  return set.records().map((record) => {
    const peer = peers.get(record.origin)
    return {
      record,
      self: record.origin === config.self,
      connected: peer !== undefined,
      address: peer?.address ?? '',
      digestEqual: peer?.root === undefined ? undefined : peer.root === set.root,
    }
  })
}

function problems({ conditions, claimant, router, bridge }: AgentParts): AgentView['problems'] {
  const bridgeProblem = bridge.problem ? [bridge.problem] : []
  return [...conditions.all(), ...claimant.problems(), ...bridgeProblem, ...router.problems()]
}

function convergence(parts: AgentParts, isReady: boolean): Convergence {
  const { claimant, peers, set, router, bridge } = parts
  const claimed = isReady && claimant.complete
  const digestsEqual = isReady && peers.differing(set.root).length === 0
  const kernelEqual = isReady && router.kernelEqual && bridge.settled
  return { claimed, digestsEqual, kernelEqual, converged: claimed && digestsEqual && kernelEqual }
}
