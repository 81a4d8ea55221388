/** A peer that has this cluster's names but not its manners: it sends what a test tells it to. */

import type { TestContext } from 'node:test'
import type { Connection, Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { createNode, type Node, startNode } from '../../../src/adapters/libp2p/node.ts'
import type { KeyPair } from '../../../src/wire/signature.ts'
import { freePort } from '../free-port.ts'
import { TestNode } from './cluster.ts'

export const syncProtocol = '/starling/test/sync/1.0.0'
const topic = '/starling/test/records/1'

export class Stranger extends TestNode {
  readonly node: Node
  /** The sync stream that the other side opened. */
  readonly incoming: Promise<Stream>
  connection: Connection | undefined

  constructor(keys: KeyPair, port: number, node: Node, incoming: Promise<Stream>) {
    super(keys, port)
    this.node = node
    this.incoming = incoming
  }

  async publishBytes(bytes: Uint8Array): Promise<void> {
    await this.node.services.gossip.publish(topic, bytes)
  }

  openStream(): Promise<Stream> {
    if (!this.connection) throw new Error('not connected')
    return this.connection.newStream(syncProtocol)
  }
}

/** Connected to `other`, subscribed, and silent. */
export async function stranger(t: TestContext, keys: KeyPair, other: TestNode): Promise<Stranger> {
  const options = {
    keys,
    clusterKeys: [],
    listen: ['127.0.0.1'],
    port: await freePort(),
    topic,
    gater: {},
    reached: () => undefined,
    refused: () => undefined,
  }
  const node = await createNode(options)
  const { promise, resolve } = Promise.withResolvers<Stream>()
  await node.handle(syncProtocol, (stream) => resolve(stream))
  await startNode(node, options)
  t.after(() => node.stop())
  node.services.gossip.subscribe(topic)
  const made = new Stranger(keys, options.port, node, promise)
  made.transport.publish = (entry) => void made.publishBytes(entry.envelope)
  made.connection = await node.dial(multiaddr(`/ip4/127.0.0.1/tcp/${other.port}`))
  return made
}
