/** How a simulated host is set up: its key, addresses, kernel, disk and configuration, all from the world's seed. */

import { type CoreTiming, defaultLimits, defaultTiming } from '../../src/core/config.ts'
import type { Address } from '../../src/core/ip/address.ts'
import type { Pool } from '../../src/core/ip/pool.ts'
import { type KeyPair, keyPairFromSeed, sealer } from '../../src/wire/signature.ts'
import { addressOf, prefixOf } from '../literal.ts'
import { dialable, Host, type HostOptions, lengthOf, syncDelay, type Watcher } from './host.ts'
import { FakeKernel } from './kernel.ts'
import { laterSealer } from './later-version.ts'
import type { Network } from './network.ts'
import { FakeStore } from './store.ts'
import type { World } from './world.ts'

export interface Surroundings {
  readonly world: World
  readonly network: Network
  readonly watcher: Watcher
  readonly pool: Pool
  /** Indices of the hosts that every host has as its seeds. */
  readonly seeds: readonly number[]
  readonly timing: Partial<CoreTiming>
}

const port = 7946

/** What a host has in common with another one; by default its addresses follow from its index, and its key is new. */
export interface Likeness {
  readonly place?: readonly Address[]
  readonly keys?: KeyPair
}

export function makeHost(
  index: number,
  around: Surroundings,
  { place = placeOf(index), keys }: Likeness = {},
): Host {
  const { world, network, watcher, pool, seeds, timing } = around
  const pair = keys ?? keyPairFromSeed(world.random.bytes(32))
  const random = world.random.fork()
  const config: HostOptions['config'] = {
    self: pair.id,
    name: `host-${String(index).padStart(3, '0')}`,
    cluster: 'simulation',
    software: 'starling/simulated',
    seal: sealer(pair),
    pools: [pool],
    accept: acceptList,
    announce: [],
    reserve: [],
    bootId: 'boot',
    bridge: 'starling0',
    metric: { 4: 0, 6: 1024 },
    port,
    timing: { ...defaultTiming, ...timing },
    limits: defaultLimits,
  }
  const kernel = new FakeKernel({
    scope: { table: 254, protocol: 83, interest: [pool.prefix] },
    addresses: place.map((address) => ({ address, length: lengthOf(address) })),
    later: (deliver) => world.after(random.between(0.1, 2), deliver),
  })
  const store = new FakeStore({ later: (synced) => world.after(syncDelay(random), synced) })
  return new Host({
    world,
    network,
    kernel,
    store,
    watcher,
    config,
    place,
    keys: pair,
    laterSeal: laterSealer(pair),
    seeds: seeds.flatMap((seed) =>
      placeOf(seed)
        .slice(0, 1)
        .map((address) => dialable(address, port)),
    ),
    clockSkewMs: random.between(-50, 50),
  })
}

/** Outside every pool that a scenario uses. */
export const placeOf = (index: number): Address[] => {
  const number = index + 1
  return [
    addressOf(`192.168.${number >> 8}.${number & 255}`),
    addressOf(`fd00:a::${number.toString(16)}`),
  ]
}

const acceptList = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'].map(prefixOf)
