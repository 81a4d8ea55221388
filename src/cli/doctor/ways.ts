/** Whether packets of this host's subnet get to those of others: asked of each by one connection between gateways. */

import type { ClaimMessage } from '../../adapters/api/definition.ts'
import { inTurns, probe } from '../../adapters/doctor/probe.ts'
import { gatewayOf } from '../../core/ip/pool.ts'
import { parsePrefix } from '../../core/ip/prefix.ts'
import type { AgentFacts, Way, Ways } from './check.ts'

/** Asked unless all are wanted: enough to see a fabric that drops, and over within seconds. */
const probedMax = 64

export async function probeWays(
  { status, claims, peers }: Pick<AgentFacts, 'status' | 'claims' | 'peers'>,
  port: number,
  all: boolean,
): Promise<Ways | string> {
  const own = status.claims.filter(({ state }) => state === 'confirmed')
  if (own.length === 0) return 'this node has no confirmed subnet to ask from'
  // Those whose routes stand: a host whose agent is down refuses, and that is an answer.
  const there = new Set(
    peers
      .filter(({ liveness }) => !['host-down', 'displaced'].includes(liveness))
      .map(({ node }) => node),
  )
  const targets = claims.flatMap((claim) => {
    const gateway = there.has(claim.node) && isStanding(claim) ? gatewayOfClaim(claim) : undefined
    const from = own.find((each) => isSameFamily(each.gateway, gateway ?? ''))?.gateway
    return gateway && from ? [{ name: claim.name, gateway, from }] : []
  })
  const chosen = all ? targets : drawn(targets, probedMax)
  const turns = { width: 32, withinMs: 30_000 }
  const answers = await inTurns(chosen, turns, ({ gateway, from }) =>
    probe({ host: gateway, port, from }, silenceMs),
  )
  const probed = chosen.flatMap(({ name, gateway }, index): Way[] => {
    const answer = answers[index]
    return answer ? [{ name, gateway, outcome: answer.outcome, ms: answer.ms }] : []
  })
  return {
    from: own.map(({ gateway }) => gateway),
    probed,
    left: targets.length - probed.length,
  }
}

/** Others' claims that are routed to. */
const isStanding = ({ own, standing, state }: ClaimMessage): boolean =>
  !own && standing === 'winner' && state === 'confirmed'

function gatewayOfClaim({ prefix }: ClaimMessage): string | undefined {
  const subnet = parsePrefix(prefix)
  return subnet && gatewayOf(subnet).text
}

const isSameFamily = (a: string, b: string): boolean =>
  b !== '' && a.includes(':') === b.includes(':')

/** What says nothing for so long is dropped on the way: a LAN answers within milliseconds. */
const silenceMs = 1_000

/** `most` of `items`, each as likely as any other, in their order. */
export function drawn<Item>(items: readonly Item[], most: number, random = Math.random): Item[] {
  const left = items.map((_, index) => index)
  const chosen: number[] = []
  while (chosen.length < most && left.length > 0) {
    const at = Math.floor(random() * left.length)
    const [index = 0] = left.splice(at, 1)
    chosen.push(index)
  }
  return chosen.sort((a, b) => a - b).map((index) => items[index] as Item)
}
