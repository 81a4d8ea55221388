/** Whoever was heard on the LAN is dialled, and what is wrong with him is told. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { prefixOf } from '../../core/specimens.ts'
import { freePort } from '../free-port.ts'
import { ascendingKeys, node } from './cluster.ts'

const [first, second] = ascendingKeys(2) as [never, never]
const address = '127.0.0.1'

describe('a neighbour', () => {
  it('is dialled until it is connected', async (t) => {
    const port = await freePort()
    const one = await node(t, first)
    one.transport.seek([{ address, port }])
    const { trouble } = await one.event('trouble-reported')
    assert.deepEqual(
      [trouble.code, trouble.subject, trouble.heard],
      ['seed-unreachable', `127.0.0.1:${port} (heard on the LAN)`, true],
    )
    const other = await node(t, second, { port })
    await one.connected(other)
    await one.event('trouble-reported', (event) => !event.trouble.active)
  })

  it('outside dialNetworks is not dialled', async (t) => {
    const other = await node(t, second)
    const one = await node(t, first, { dialNetworks: [prefixOf('10.0.0.0/8')] })
    one.transport.seek([{ address, port: other.port }])
    const { trouble } = await one.event('trouble-reported')
    assert.equal(trouble.code, 'dial-forbidden')
    assert.deepEqual(other.of('peer-connected'), [])
  })

  it('with another key is told of, until nobody says any more that it is there', async (t) => {
    const other = await node(t, second, { clusterKeys: [new Uint8Array(32).fill(1)] })
    const one = await node(t, first, { clusterKeys: [new Uint8Array(32).fill(2)] })
    one.transport.seek([{ address, port: other.port }])
    const { trouble } = await one.event('trouble-reported', (event) => event.trouble.active)
    assert.deepEqual([trouble.code, trouble.heard], ['handshake-failed', true])
    one.transport.seek([])
    await one.event('trouble-reported', (event) => !event.trouble.active)
  })
})
