/** Waiting, watching and refusing over the API. */

import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { after, afterEach, before, describe, test } from 'node:test'
import { type ApiClient, ApiError, connectApi } from '../../../src/adapters/api/client.ts'
import type { EventMessage } from '../../../src/adapters/api/definition.ts'
import { type EventStream, streamNotes } from '../../../src/adapters/api/watchers.ts'
import type { Note } from '../../../src/core/note.ts'
import { type FakeAgent, healthyView, startFakeAgent, troubledView } from '../../cli/fake-agent.ts'

let agent: FakeAgent
let client: ApiClient
before(async () => {
  agent = await startFakeAgent()
  client = await connectApi(agent.socket)
})
after(async () => {
  client.close()
  await agent.stop()
})
afterEach(() => {
  agent.view = healthyView()
  agent.result = (command) => ({ ok: true, message: `did ${command.type}` })
  agent.commands.length = 0
})

describe('a waiting status', () => {
  test('is answered at once where the agent has converged', async () => {
    const state = await client.call('Status', { wait: true, timeoutMs: 60_000 }, 5_000)
    assert.equal(state.convergence.converged, true)
    assert.deepEqual(agent.commands, [])
  })

  test('is answered when a note tells that the agent has converged', async () => {
    agent.view = troubledView()
    agent.result = () => {
      // The first probe shows that the wait has begun.
      agent.view = healthyView()
      agent.note({ code: 'in-sync', by: 'peer' })
      return { ok: true, message: '' }
    }
    const state = await client.call('Status', { wait: true, timeoutMs: 60_000 }, 5_000)
    assert.equal(state.convergence.converged, true)
    assert.deepEqual(agent.commands, [{ type: 'probe' }])
    assert.equal(agent.watching(), 0)
  })

  test('is answered by itself once a probe has made the digests equal', async () => {
    agent.view = troubledView()
    agent.result = () => {
      if (agent.commands.length === 2) agent.view = healthyView()
      return { ok: true, message: '' }
    }
    const begun = performance.now()
    await client.call('Status', { wait: true, timeoutMs: 60_000 }, 5_000)
    assert.deepEqual(
      agent.commands.map(({ type }) => type),
      ['probe', 'probe'],
    )
    assert.ok(performance.now() - begun >= 249, 'probes are at least 250 ms apart')
  })

  test('is answered at its timeout all the same', async () => {
    agent.view = troubledView()
    const state = await client.call('Status', { wait: true, timeoutMs: 50 }, 5_000)
    assert.equal(state.convergence.converged, false)
    assert.equal(agent.watching(), 0)
  })

  test('is dropped when its caller goes away', async () => {
    agent.view = troubledView()
    const { promise: gone, resolve } = Promise.withResolvers<void>()
    agent.result = () => {
      impatient.close()
      const check = (): void => {
        if (agent.watching() === 0) resolve()
        else setImmediate(check)
      }
      check()
      return { ok: true, message: '' }
    }
    const impatient = await connectApi(agent.socket)
    await Promise.all([
      assert.rejects(impatient.call('Status', { wait: true, timeoutMs: 60_000 }, 300), ApiError),
      gone,
    ])
  })

  test('leaves room for others: too many at once are refused', async () => {
    agent.view = troubledView()
    const many = await Promise.allSettled(
      Array.from({ length: 70 }, () =>
        client.call('Status', { wait: true, timeoutMs: 2_000 }, 10_000),
      ),
    )
    const refused = many.filter(({ status }) => status === 'rejected')
    assert.equal(refused.length, 6)
    assert.equal(
      ((refused[0] as PromiseRejectedResult).reason as ApiError).code,
      'too-many-callers',
    )
  })
})

describe('a command', () => {
  test('reaches the agent parsed', async () => {
    const { message } = await client.call('Announce', { prefix: 'fd00:1::/48' }, 5_000)
    assert.equal(message, 'did announce')
    const [command] = agent.commands
    assert.equal(command?.type === 'announce' && command.prefix.length, 48)
  })

  test('with a prefix that is none is refused before it reaches the agent', async () => {
    await assert.rejects(client.call('Announce', { prefix: '10.1.2.3/8' }, 5_000), {
      code: 'invalid-prefix',
      message: '10.1.2.3/8 has host bits set: write 10.0.0.0/8',
    })
    assert.deepEqual(agent.commands, [])
  })

  test('that the agent refuses comes back with its code and its words', async () => {
    const refusal = { code: 'unknown-node', message: 'no node is named z – see peers' } as const
    agent.result = () => ({ ok: false, ...refusal })
    await assert.rejects(client.call('Evict', { node: 'z' }, 5_000), refusal)
  })
})

describe('watching', () => {
  test('delivers every note from the moment that it has begun', async () => {
    const events: EventMessage[] = []
    const stop = new AbortController()
    await client.watch(
      stop.signal,
      () => {
        agent.note({ code: 'node-joined', node: agent.view.self, name: 'b' })
        agent.note({ code: 'kernel-forbidden' })
      },
      (event) => {
        events.push(event)
        if (events.length === 2) stop.abort()
      },
    )
    assert.deepEqual(
      events.map(({ code, level, fields }) => [code, level, JSON.parse(fields)]),
      [
        ['node-joined', 'info', { node: agent.view.self, name: 'b' }],
        ['kernel-forbidden', 'error', {}],
      ],
    )
    assert.match(events[0]?.time ?? '', /^\d{4}-\d\d-\d\dT.*Z$/)
    assert.notEqual(events[1]?.mend, '')
  })

  // Where one is missing it would wait for ever.
  const bounded = { timeout: 20_000 }
  test(
    'begins with the last events where they are asked for, without a gap or a repetition',
    bounded,
    async () => {
      agent.recent = ['b', 'c', 'd'].map((name, index) => ({
        note: { code: 'bridge-failed', name, error: '' },
        timeMs: index,
      }))
      const events: EventMessage[] = []
      const stop = new AbortController()
      await client.watch(
        stop.signal,
        () => agent.note({ code: 'bridge-failed', name: 'e', error: '' }),
        (event) => {
          events.push(event)
          if (events.length === 3) stop.abort()
        },
        { last: 2 },
      )
      assert.deepEqual(
        events.map(({ fields }) => JSON.parse(fields).name),
        ['c', 'd', 'e'],
      )
      const remembered = await client.call('Events', { last: 0 }, 5_000)
      assert.deepEqual(
        remembered.events.map(({ time }) => time),
        [0, 1, 2].map((ms) => `1970-01-01T00:00:00.00${ms}Z`),
      )
    },
  )

  test('by a reader that is too slow loses the oldest events and tells how many', () => {
    const written: EventMessage[] = []
    const stream: EventStream = Object.assign(new EventEmitter(), {
      write: (message: EventMessage) => {
        written.push(message)
        return false
      },
      end: () => {},
    })
    let listener: (note: Note) => void = () => {}
    const stop = streamNotes(
      {
        view: healthyView,
        command: async () => ({ ok: true, message: '' }),
        watch: (wanted) => {
          listener = wanted
          return () => {
            listener = () => {}
          }
        },
      },
      stream,
    )
    const say = (name: string): void => listener({ code: 'bridge-failed', name, error: '' })
    for (let index = 0; index < 1_000; index += 1) say(`${index}`)
    for (let index = 0; index < 300; index += 1) stream.emit('drain')
    assert.equal(written.length, 257)
    assert.deepEqual(
      written.slice(0, 3).map(({ dropped, fields }) => [dropped, JSON.parse(fields).name]),
      [
        [0, '0'],
        [743, '744'],
        [0, '745'],
      ],
    )
    stop()
    say('late')
    stream.emit('drain')
    assert.equal(written.length, 257)
  })
})
