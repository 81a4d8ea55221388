/** Asking the agents on a packet's way: what they say is bounded, how often is too, and who cannot tell is unknown. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { operatorService, serviceNames } from '../../../src/adapters/api/definition.ts'
import { explainPath } from '../../../src/adapters/api/explain-path.ts'
import { answerForwarded, askHostBy } from '../../../src/adapters/api/forward.ts'
import network from '../../../src/adapters/api/proto/network.json' with { type: 'json' }
import { loadService } from '../../../src/adapters/api/service.ts'
import type { Clock } from '../../../src/ports/clock.ts'
import type { Operator } from '../../../src/ports/operator.ts'
import type { Remote } from '../../../src/ports/remote.ts'
import { addressOf, fakeInspection, healthyView, nodeB } from '../../cli/fake-agent.ts'

const services = {
  operator: operatorService(),
  network: loadService(network, serviceNames.network),
}
const [from, to] = [addressOf('172.16.4.7'), addressOf('172.16.0.9')] as const

/** Another agent, whose host is that of `healthyView`, and those who wait there for their turn. */
function otherAgent() {
  let answer: (request: Uint8Array) => Promise<Uint8Array> = async () => new Uint8Array()
  const operator: Operator = {
    view: healthyView,
    command: async () => ({ ok: true, message: '' }),
    watch: () => () => undefined,
  }
  const remote: Remote = {
    call: (_node, _addresses, request) => answer(request),
    answerCalls: (given) => {
      answer = given
    },
  }
  const waiting: (() => void)[] = []
  const clock: Clock = {
    now: () => 0,
    schedule: (_at, callback) => {
      waiting.push(callback)
      return () => undefined
    },
  }
  answerForwarded(remote, services, { operator, inspection: fakeInspection, clock })
  return { ask: askHostBy(remote, services.operator), waiting }
}

/** One that gives the same bytes to whatever it is asked. */
const askWho = (answer: Uint8Array) =>
  askHostBy({ call: async () => answer, answerCalls: () => undefined }, services.operator)

const record = healthyView().own
const way = { from, to }

describe('the way between two addresses', () => {
  test('is told by the agent of each host, over the calls between agents', async () => {
    const { there, back } = await otherAgent().ask(record, way)
    assert.equal(back[0]?.code, 'source')
    assert.deepEqual(
      there.map(({ code, verdict }) => `${code} ${verdict}`),
      [
        'subnet ok',
        'route ok',
        'forwarding ok',
        'input ok',
        'firewall ok',
        'lease unknown',
        'neighbour ok',
      ],
    )
  })

  test('is told to others so often at once and so often a second, and not more', async () => {
    const { ask, waiting } = otherAgent()
    for (let count = 0; count < 4; count += 1) await ask(record, way)
    const late = [ask(record, way), ask(record, way), ask(record, way)]
    await assert.rejects(ask(record, way), { code: 'too-many-callers' })
    assert.equal(waiting.length, 3)
    for (const begin of waiting) begin()
    for (const { there } of await Promise.all(late)) assert.equal(there.length, 7)
  })

  test('is unknown where an agent is too old to tell, with its version', async () => {
    const old = askWho(Buffer.from('-[12,"unsupported","no call of this name is answered"]'))
    const { hops, verdict } = await explainPath(healthyView(), { from, to }, async (node, asked) =>
      node.origin === nodeB ? old(node, asked) : { there: [], back: [] },
    )
    assert.equal(verdict, 'unknown')
    assert.match(hops[0]?.unanswered ?? '', /^b runs 0\.1\.0, which cannot tell/)
  })

  test('takes from a peer no more, and no other verdicts, than there are', async () => {
    const codec = services.operator.codec('Inspect')
    const step = { code: 'x'.repeat(100), verdict: 'fine', message: 'm'.repeat(9_000), mend: '' }
    const steps = Array.from({ length: 100 }, () => step)
    const bytes = codec?.encodeResponse({ there: steps, back: [] }) ?? Buffer.alloc(0)
    const { there: told } = await askWho(Buffer.concat([Buffer.from('+'), bytes]))(record, way)
    assert.equal(told.length, 16)
    assert.deepEqual(
      [told[0]?.code.length, told[0]?.verdict, told[0]?.message.length],
      [32, 'unknown', 512],
    )
  })

  test('of two addresses of one host asks it once', async () => {
    const asked: string[] = []
    const ends = { from: addressOf('172.16.4.7'), to: addressOf('172.16.4.8') }
    await explainPath(healthyView(), ends, async ({ name }) => {
      asked.push(name)
      return { there: [], back: [] }
    })
    assert.deepEqual(asked, ['b'])
  })
})
