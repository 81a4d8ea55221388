/** A member of a swarm that is no agent: it hears what agents tell it, and says what it wants. */

import type { Entry, NodeId, NodeRecord } from '../../src/core/claim/record.ts'
import type { Pool } from '../../src/core/ip/pool.ts'
import type { Prefix } from '../../src/core/ip/prefix.ts'
import { decodeEntry } from '../../src/wire/codec.ts'
import { type KeyPair, keyPairFromSeed } from '../../src/wire/signature.ts'
import { Forge } from '../insider/forge.ts'
import type { Words } from '../insider/words.ts'
import type { Network } from './network.ts'
import type { Station } from './station.ts'
import type { World } from './world.ts'

/** Outside of the hosts' addresses, and in their network. */
const address = '192.168.250.250'
const port = 7946

export class Insider {
  /** All that it ever wanted routes to, its own or not. */
  readonly wanted = new Set<string>()
  readonly keys: KeyPair
  readonly #world: World
  readonly #network: Network
  readonly #forge: Forge
  readonly #station: Station

  constructor(
    world: World,
    network: Network,
    { pool, addresses }: { readonly pool: Pool; readonly addresses: readonly string[] },
  ) {
    const random = world.random.fork()
    this.#world = world
    this.#network = network
    this.keys = keyPairFromSeed(random.bytes(32))
    this.#forge = new Forge({
      cluster: 'simulation',
      port,
      address,
      pool,
      bytes: (count) => random.bytes(count),
      // Of a clock like all others.
      wallMs: () => Math.round(1_800_000_000_000 + world.now),
    })
    const station = network.attach({
      id: this.keys.id,
      addresses: [`/ip4/${address}/tcp/${port}`],
      // It keeps connections to all of them.
      seeds: addresses,
      hasMember: () => false,
      deliver: (event) => {
        if (event.type === 'gossip-received') station.judge(event.id, 'ignore')
      },
    })
    this.#station = station
  }

  /** Tells everybody, by comparing and by gossip. What is not well signed no decoder lets through. */
  say(words: Words, victims: readonly Entry<NodeRecord>[]): void {
    const scene = {
      forge: this.#forge,
      self: this.keys,
      victims: victims.map(({ body }) => body),
      heard: (node: NodeId) => victims.find(({ body }) => body.origin === node),
      many: 20,
    }
    for (const { envelope } of words(scene)) {
      const decoded = decodeEntry(envelope)
      if (!decoded.ok) continue
      const entry = decoded.value
      for (const { text } of wantedBy(entry)) this.wanted.add(text)
      const remainMs = entry.body.kind === 'record' ? Number.POSITIVE_INFINITY : 3_600_000
      for (const connection of this.#station.connections()) {
        const { id } = connection.other(this.#station)
        const carried = [{ entry, remainMs }]
        this.#network.send(this.#station, id, { type: 'delta', carried, want: [], last: false })
      }
      this.#network.publish(this.#station, entry)
    }
    this.#world.trace.add(`${this.#world.now} an insider speaks`)
  }

  /** Its host stays. */
  end(): void {
    this.#network.detach(this.#station)
  }
}

const wantedBy = ({ body }: Entry): readonly Prefix[] =>
  body.kind === 'record' ? [...body.claims.map(({ prefix }) => prefix), ...body.extras] : []
