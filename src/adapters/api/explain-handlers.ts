/** The calls that explain: an address, a prefix, a node, the way between two addresses. */

import type { ServerUnaryCall, UntypedServiceImplementation } from '@grpc/grpc-js'
import type { Clock } from '../../ports/clock.ts'
import type { Inspection } from '../../ports/inspection.ts'
import type { Operator } from '../../ports/operator.ts'
import { turnsBy } from './allowance.ts'
import { answer } from './answer.ts'
import type {
  ExplainNodeRequest,
  ExplainNodeResponse,
  ExplainPathRequest,
  ExplainPathResponse,
  ExplainPrefixResponse,
  ExplainRequest,
  ExplainResponse,
  InspectResponse,
  PrefixRequest,
} from './definition.ts'
import { type AskLease, explainAddress } from './explain.ts'
import { explainNode, explainPrefix } from './explain-node.ts'
import { type AskHost, explainPath } from './explain-path.ts'
import { endsOf } from './forward.ts'
import { inspectHost } from './inspect.ts'
import { addressOf } from './leases.ts'
import { readLinkNames } from './link-names.ts'
import { prefixOf } from './prefix-of.ts'

/** Of people and their scripts: each question may start programs and wait for neighbours. */
const questions = { burst: 8, perSecond: 4, waiting: 8 } as const

export function explainHandlers({
  operator,
  clock,
  askLease,
  askHost,
  inspection,
}: {
  operator: Operator
  clock: Clock
  askLease: AskLease
  askHost: AskHost
  inspection: Inspection
}): UntypedServiceImplementation {
  const turn = turnsBy(questions, clock)
  const ask: AskHost = (node, ends) => {
    const view = operator.view()
    return node.origin === view.self ? inspectHost(view, inspection, ends) : askHost(node, ends)
  }
  return {
    Explain: answer(async ({ request }: ServerUnaryCall<ExplainRequest, ExplainResponse>) => {
      await turn()
      return explainAddress(operator, addressOf(request.address), { askLease, inspection })
    }),
    ExplainPrefix: answer(
      async ({ request }: ServerUnaryCall<PrefixRequest, ExplainPrefixResponse>) =>
        explainPrefix(operator.view(), prefixOf(request), await readLinkNames()),
    ),
    ExplainNode: answer(
      async ({ request }: ServerUnaryCall<ExplainNodeRequest, ExplainNodeResponse>) =>
        explainNode(operator.view(), request.node, await readLinkNames()),
    ),
    ExplainPath: answer(
      async ({ request }: ServerUnaryCall<ExplainPathRequest, ExplainPathResponse>) => {
        await turn()
        return explainPath(operator.view(), endsOf(request), ask)
      },
    ),
    Inspect: answer(async ({ request }: ServerUnaryCall<ExplainPathRequest, InspectResponse>) => {
      await turn()
      return inspectHost(operator.view(), inspection, endsOf(request))
    }),
  }
}
