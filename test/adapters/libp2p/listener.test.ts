/** Who only listens asks, and says nothing that anybody could believe or wait for. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { listeningTransport } from '../../../src/adapters/libp2p/listener.ts'
import type { SyncMessage } from '../../../src/core/gossip/message.ts'
import type { Transport, TransportEvent } from '../../../src/ports/transport.ts'
import { nodeOf, recordOf } from '../../core/specimens.ts'

const [self, other] = [nodeOf(1), nodeOf(2)]
const own = self.seal(recordOf(self))
const root = '0123456789abcdef'

function listening() {
  const said: string[] = []
  const heard: TransportEvent[] = []
  let deliver: (event: TransportEvent) => void = () => undefined
  const inner: Transport = {
    start: async (to) => {
      deliver = to
    },
    publish: () => said.push('publish'),
    judge: () => said.push('judge'),
    send: (_peer, message) => said.push(JSON.stringify(message)),
    digest: () => said.push('digest'),
    connect: () => said.push('connect'),
    seek: () => said.push('seek'),
    probe: () => said.push('probe'),
    disconnect: () => said.push('disconnect'),
    stop: async () => {
      said.push('stop')
    },
  }
  const transport = listeningTransport(inner, self.id)
  void transport.start((event) => heard.push(event))
  const say = (message: SyncMessage) => deliver({ type: 'sync-received', peer: other.id, message })
  return { transport, said, heard, say }
}

describe('a transport that only listens', () => {
  it('sends questions that nobody takes for his own digest, and no answers', () => {
    const { transport, said } = listening()
    const carried = [{ entry: own, remainMs: Number.POSITIVE_INFINITY }]
    const messages: readonly SyncMessage[] = [
      { type: 'probe', root },
      { type: 'match', root },
      { type: 'buckets', root, buckets: [] },
      { type: 'delta', carried, want: [], last: true },
      { type: 'clock', wallMs: 1 },
      { type: 'papers', papers: [] },
    ]
    for (const message of messages) transport.send(other.id, message)
    transport.connect([])
    transport.probe(other.id, [])
    transport.publish(other.seal(recordOf(other)))
    assert.deepEqual(said, ['{"type":"probe","root":"ffffffffffffffff"}'])
  })

  it('takes equal buckets for the agreement that it did not ask for', () => {
    const { transport, heard, say } = listening()
    transport.digest(root)
    say({ type: 'buckets', root, buckets: [] })
    say({ type: 'buckets', root: 'a'.repeat(16), buckets: [] })
    const types = heard.map((event) => event.type === 'sync-received' && event.message.type)
    assert.deepEqual(types, ['match', 'buckets'])
  })

  it('hears nothing of itself from others, but that it was ended', () => {
    const { heard, say } = listening()
    const entries = [own, other.seal(recordOf(other))]
    const carried = entries.map((entry) => ({ entry, remainMs: 1 }))
    say({ type: 'delta', carried, want: [], last: true })
    const [event] = heard
    assert.ok(event?.type === 'sync-received' && event.message.type === 'delta')
    assert.deepEqual(
      event.message.carried.map(({ entry }) => entry.body.origin),
      [other.id],
    )
  })

  it('ends with the first own record, which nobody hears of', () => {
    const { transport, said, heard, say } = listening()
    transport.publish(own)
    transport.send(other.id, { type: 'probe', root })
    transport.digest(root)
    say({ type: 'match', root })
    assert.deepEqual([said, heard], [['stop'], []])
  })
})
