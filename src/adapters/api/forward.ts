/** Carries calls of Stellar's service from one agent to another: the same messages, over libp2p. */

import grpc from '@grpc/grpc-js'
import type { NodeRecord } from '../../core/claim/record.ts'
import type { FailureCode } from '../../core/codes/failures.ts'
import { invariant } from '../../core/invariant.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Inspection } from '../../ports/inspection.ts'
import type { Operator } from '../../ports/operator.ts'
import type { Remote } from '../../ports/remote.ts'
import { turnsBy } from './allowance.ts'
import { asRefused, Refused } from './answer.ts'
import type {
  ExplainPathRequest,
  ExplainRequest,
  ExplainResponse,
  InspectResponse,
} from './definition.ts'
import { type AskLease, explainAddress } from './explain.ts'
import { type AskHost, boundedSteps } from './explain-path.ts'
import { type Ends, inspectHost } from './inspect.ts'
import { addressOf } from './leases.ts'
import type { Codec, Service } from './service.ts'
import { type Forward, StellarNetwork } from './stellar.ts'

// A request is the name of a call, a line feed, and its message. An answer is `+` and the message, or `-` and the
// failure as JSON: [status, code, text].

const methods = [
  'AllocateIP',
  'GetIP',
  'ReleaseIP',
  'AddRoute',
  'DeleteRoute',
  'DeallocateSubnet',
] as const
/** Of this project's own service. */
const ownMethods = ['Explain', 'Inspect'] as const
type Method = (typeof methods)[number] | (typeof ownMethods)[number]

export const forwardBy =
  (remote: Remote, network: Service): Forward =>
  (node, method, request) =>
    carry(remote, { node, method, codec: codecOf(network, method), request })

/** Asks what `node` knows of an address of its subnet. */
export const askLeaseBy =
  (remote: Remote, operator: Service): AskLease =>
  async (node, { text: address }) => {
    const codec = codecOf(operator, 'Explain')
    const asked = { node, method: 'Explain', codec, request: { address } }
    return (await carry(remote, asked)) as ExplainResponse
  }

/** Asks what the host of `node` would do with a packet. */
export const askHostBy =
  (remote: Remote, operator: Service): AskHost =>
  async (node, { from, to }) => {
    const codec = codecOf(operator, 'Inspect')
    const request: ExplainPathRequest = { from: from.text, to: to.text }
    const answered = await carry(remote, { node, method: 'Inspect', codec, request })
    const { there, back } = answered as InspectResponse
    return { there: boundedSteps(there), back: boundedSteps(back) }
  }

async function carry(
  remote: Remote,
  {
    node,
    method,
    codec,
    request,
  }: { node: NodeRecord; method: string; codec: Codec; request: object },
): Promise<object> {
  const bytes = Buffer.concat([Buffer.from(`${method}\n`), codec.encodeRequest(request)])
  const answered = Buffer.from(await asked(remote, node, bytes))
  const rest = answered.subarray(1)
  if (answered[0] !== success) throw refusedBy(node, rest.toString())
  return codec.decodeResponse(rest)
}

function codecOf(service: Service, method: string): Codec {
  const codec = service.codec(method)
  invariant(codec !== undefined, 'a call that is carried is a call of its service')
  return codec
}

/** Answers what others ask of this node. A call that is carried once is not carried again. */
export function answerForwarded(
  remote: Remote,
  { network: networkService, operator: operatorService }: { network: Service; operator: Service },
  { operator, inspection, clock }: { operator: Operator; inspection: Inspection; clock: Clock },
): void {
  const turn = turnsBy(inspections, clock)
  const network = new StellarNetwork(operator, async ({ name }) => {
    throw new Refused(
      grpc.status.UNAVAILABLE,
      'moved',
      `this node knows of ${name} what the one that asks does not yet: try again`,
    )
  })
  remote.answerCalls(async (request) => {
    try {
      const [method, message] = split(request)
      if (method === 'Explain') {
        const codec = codecOf(operatorService, method)
        const { address } = codec.decodeRequest(message) as ExplainRequest
        const response = await explainAddress(operator, addressOf(address), undefined)
        return succeeded(codec.encodeResponse(response))
      }
      if (method === 'Inspect') {
        await turn()
        const codec = codecOf(operatorService, method)
        const ends = endsOf(codec.decodeRequest(message) as ExplainPathRequest)
        return succeeded(codec.encodeResponse(await inspectHost(operator.view(), inspection, ends)))
      }
      const codec = codecOf(networkService, method)
      const perform = network[method] as (request: object) => Promise<object>
      return succeeded(
        codec.encodeResponse(await perform.call(network, codec.decodeRequest(message))),
      )
    } catch (thrown) {
      const { status, code, message } = asRefused(thrown)
      return Buffer.from(`-${JSON.stringify([status, code, message])}`)
    }
  })
}

/** Each starts some programs of the firewall. */
const inspections = { burst: 4, perSecond: 2, waiting: 3 } as const

export const endsOf = ({ from, to }: ExplainPathRequest): Ends => ({
  from: addressOf(from),
  to: addressOf(to),
})

const success = '+'.charCodeAt(0)

const succeeded = (response: Uint8Array): Uint8Array =>
  Buffer.concat([Buffer.from([success]), response])

async function asked(remote: Remote, node: NodeRecord, request: Uint8Array): Promise<Uint8Array> {
  try {
    return await remote.call(node.origin, node.addresses, request)
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown)
    throw new Refused(
      grpc.status.UNAVAILABLE,
      'node-unreachable',
      `node ${node.name}, whose subnet it is, does not answer: ${reason}`,
    )
  }
}

function split(request: Uint8Array): [Method, Uint8Array] {
  const end = request.indexOf(10)
  const name = Buffer.from(request.subarray(0, end)).toString()
  const method: Method | undefined = [...methods, ...ownMethods].find((each) => each === name)
  if (!method)
    throw new Refused(grpc.status.UNIMPLEMENTED, 'unsupported', 'no call of this name is answered')
  return [method, request.subarray(end + 1)]
}

/** What a peer says is shown to people: it is bounded, and it is a failure whatever it looks like. */
function refusedBy(node: NodeRecord, text: string): Refused {
  try {
    const [status, code, message] = JSON.parse(text) as unknown[]
    const known = typeof status === 'number' && status > 0 && status in grpc.status
    return new Refused(
      known ? status : grpc.status.UNKNOWN,
      String(code).slice(0, 64) as FailureCode,
      String(message).slice(0, 1_024),
    )
  } catch {
    // It speaks another version of this, or lies.
    return new Refused(
      grpc.status.UNAVAILABLE,
      'node-unreachable',
      `node ${node.name} gave no answer that is understood`,
    )
  }
}
