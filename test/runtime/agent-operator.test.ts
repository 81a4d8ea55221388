/** The operator's way into the agent: every command gets one answer, also from an agent that ends. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Event } from '../../src/core/event.ts'
import type { AgentView } from '../../src/core/view.ts'
import { AgentOperator } from '../../src/runtime/agent-operator.ts'

const view = { name: 'a' } as AgentView

function operated() {
  const pushed: Event[] = []
  const operator = new AgentOperator({
    view: () => view,
    watch: () => () => undefined,
    push: (event) => pushed.push(event),
  })
  return { pushed, operator }
}

const idsOf = (events: readonly Event[]) =>
  events.map((event) => (event.type === 'command' ? event.id : -1))

describe('a command', () => {
  it('is pushed as an event and answered by the reply with its id', async () => {
    const { pushed, operator } = operated()
    const answers = [operator.command({ type: 'resync' }), operator.command({ type: 'purge' })]
    assert.equal(new Set(idsOf(pushed)).size, 2)
    const [first = 0, second = 0] = idsOf(pushed)
    operator.reply(second, { ok: false, code: 'left', message: 'second' })
    operator.reply(first, { ok: true, message: 'first' })
    assert.deepEqual(
      (await Promise.all(answers)).map(({ message }) => message),
      ['first', 'second'],
    )
  })

  it('is answered by the first reply; others, and those to nobody, do nothing', async () => {
    const { pushed, operator } = operated()
    const answer = operator.command({ type: 'resync' })
    const [id = 0] = idsOf(pushed)
    operator.reply(99, { ok: true, message: 'nobody' })
    operator.reply(id, { ok: true, message: 'first' })
    operator.reply(id, { ok: true, message: 'second' })
    assert.equal((await answer).message, 'first')
  })

  it('that waits when the agent ends, or comes after, is told so', async () => {
    const { pushed, operator } = operated()
    const waiting = operator.command({ type: 'leave' })
    operator.close()
    const late = operator.command({ type: 'leave' })
    for (const answer of [await waiting, await late]) {
      assert.equal(answer.ok ? '' : answer.code, 'stopping')
    }
    assert.equal(pushed.length, 1)
  })
})

describe('the view', () => {
  it('is the agent’s own', () => {
    const { operator } = operated()
    assert.equal(operator.view(), view)
  })
})
