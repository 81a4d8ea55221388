/** The way of a packet from one address to another and back, told by the agents of the hosts on it. */

import grpc from '@grpc/grpc-js'
import type { NodeRecord } from '../../core/claim/record.ts'
import type { Address } from '../../core/ip/address.ts'
import { ownerOf } from '../../core/path/owner.ts'
import { conclude } from '../../core/path/step.ts'
import type { AgentView } from '../../core/view.ts'
import { asRefused, invalid } from './answer.ts'
import type { ExplainPathResponse, InspectResponse, StepMessage } from './definition.ts'
import type { Ends } from './inspect.ts'

/** What its agent, this one's too, says of a host: of the packet, and of its answer. Rejects with a Refused. */
export type AskHost = (node: NodeRecord, ends: Ends) => Promise<InspectResponse>

export async function explainPath(
  view: AgentView,
  ends: Ends,
  ask: AskHost,
): Promise<ExplainPathResponse> {
  const { from, to } = ends
  if (from.family !== to.family) {
    throw invalid(
      'invalid-address',
      `${from.text} and ${to.text} are of two families: none leads to the other`,
    )
  }
  const [near, far] = [ownerOf(view, from), ownerOf(view, to)]
  if (!near && !far) {
    throw invalid(
      'unknown-address',
      `neither ${from.text} nor ${to.text} is of a node of this cluster: name an address of a container or of a host (starling claims)`,
    )
  }
  const isOne = near !== undefined && near.origin === far?.origin
  const told = await Promise.all([
    toldBy(near, from, (node) => ask(node, ends)),
    ...(isOne ? [] : [toldBy(far, to, (node) => ask(node, ends))]),
  ])
  const hops = [
    ...told.map((host) => hopOf(host, 'there')),
    ...told.toReversed().map((host) => hopOf(host, 'back')),
  ]
  return { from: from.text, to: to.text, hops, ...conclude(hops) }
}

interface Told extends InspectResponse {
  readonly name: string
  readonly node: string
  readonly unanswered: string
}

async function toldBy(
  node: NodeRecord | undefined,
  address: Address,
  ask: (node: NodeRecord) => Promise<InspectResponse>,
): Promise<Told> {
  const nothing = { there: [], back: [] }
  if (!node) {
    const unanswered = `no node of the cluster has ${address.text}: nobody here can tell what its network does`
    return { name: address.text, node: '', unanswered, ...nothing }
  }
  const host = { name: node.name, node: node.origin }
  try {
    return { ...host, unanswered: '', ...(await ask(node)) }
  } catch (thrown) {
    const { status, message } = asRefused(thrown)
    const isOld = status === grpc.status.UNIMPLEMENTED
    const unanswered = isOld
      ? `${node.name} runs ${node.software}, which cannot tell: update its agent`
      : message
    return { ...host, unanswered, ...nothing }
  }
}

function hopOf({ name, node, unanswered, ...told }: Told, direction: 'there' | 'back') {
  return { direction, name, node, unanswered, steps: told[direction].map(verdictOf) }
}

/** What a peer says is bounded, and its words are those that are known. */
export function boundedSteps(steps: readonly StepMessage[]): StepMessage[] {
  return steps.slice(0, stepsMax).map((step) => ({
    code: step.code.slice(0, wordMax),
    verdict: verdictOf(step).verdict,
    message: step.message.slice(0, textMax),
    mend: step.mend.slice(0, textMax),
  }))
}

const stepsMax = 16
const wordMax = 32
const textMax = 512

function verdictOf<S extends StepMessage>(step: S) {
  const { verdict } = step
  const known = verdict === 'ok' || verdict === 'wrong' ? verdict : 'unknown'
  return { ...step, verdict: known } as const
}
