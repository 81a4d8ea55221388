/** What every Store must do, whatever it stores on. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Entry, NodeRecord, Tombstone } from '../../src/core/claim/record.ts'
import { tombstoneOf } from '../../src/core/claim/tombstone.ts'
import type { OwnState } from '../../src/core/effect.ts'
import type { Carried } from '../../src/core/gossip/message.ts'
import { parseAddress } from '../../src/core/ip/address.ts'
import { type Prefix, parsePrefix } from '../../src/core/ip/prefix.ts'
import type { Store } from '../../src/ports/store.ts'
import { type KeyPair, keyPairFromSeed, sealer } from '../../src/wire/signature.ts'

export interface StoreBench {
  /** The store of the process that runs. */
  readonly store: Store
  /** Ends that process without warning; the next one opens what is left. */
  crash(): Promise<Store>
  close(): Promise<void>
}

export const selfKeys: KeyPair = keysOf(1)

export function keysOf(index: number): KeyPair {
  return keyPairFromSeed(new Uint8Array(32).fill(index & 255).fill(index >> 8, 0, 1))
}

/** `open` gives a bench with nothing stored, for the node with `selfKeys`. */
export function storeConformance(name: string, open: () => Promise<StoreBench>): void {
  const within = (check: (bench: StoreBench) => Promise<void>) => async () => {
    const bench = await open()
    try {
      await check(bench)
    } finally {
      await bench.close()
    }
  }

  describe(`store: ${name}`, () => {
    it(
      'gives an empty snapshot where nothing was stored',
      within(async ({ store }) => {
        const { own, known } = await store.load()
        assert.deepEqual(own, { entry: undefined, incarnation: 0, announced: [], gateways: [] })
        assert.deepEqual(known, [])
      }),
    )

    it(
      'has after a crash what it said was durable',
      within(async ({ store, crash }) => {
        await store.persistOwn(ownState(7))
        assert.deepEqual(await ownAfter(crash), plainOwn(ownState(7)))
      }),
    )

    it(
      'keeps an own state without a record',
      within(async ({ store, crash }) => {
        const own: OwnState = { entry: undefined, incarnation: 3, announced: [], gateways: [] }
        await store.persistOwn(own)
        assert.deepEqual(await ownAfter(crash), plainOwn(own))
      }),
    )

    it(
      'keeps a tombstone as the own entry',
      within(async ({ store, crash }) => {
        const own: OwnState = {
          entry: tombstone(selfKeys),
          incarnation: 4,
          announced: [],
          gateways: [],
        }
        await store.persistOwn(own)
        assert.deepEqual(await ownAfter(crash), plainOwn(own))
      }),
    )

    it(
      'ends with the newest of many own states written at once, and answers every writer',
      within(async ({ store, crash }) => {
        await Promise.all(
          Array.from({ length: 50 }, (_, index) => store.persistOwn(ownState(index))),
        )
        assert.deepEqual(await ownAfter(crash), plainOwn(ownState(49)))
      }),
    )

    it(
      'keeps the newest own state of a sequence',
      within(async ({ store, crash }) => {
        for (let index = 0; index < 5; index += 1) await store.persistOwn(ownState(index))
        assert.deepEqual(await ownAfter(crash), plainOwn(ownState(4)))
      }),
    )

    it(
      'has the old or the new own state after a crash in the middle of a write, never another',
      within(async ({ store, crash }) => {
        await store.persistOwn(ownState(1))
        const write = store.persistOwn(ownState(2))
        const after = await crash()
        await Promise.allSettled([write])
        const { incarnation } = (await after.load()).own
        assert.ok(incarnation === 1 || incarnation === 2, `incarnation ${incarnation}`)
      }),
    )

    it(
      'keeps known records and tombstones with their remainders, an infinite one too',
      within(async ({ store }) => {
        await store.persistKnown(knownEntries)
        assert.deepEqual((await store.load()).known.map(plain), knownEntries.map(plain))
      }),
    )

    it(
      'has some whole list of known entries after a crash',
      within(async ({ store, crash }) => {
        await store.persistKnown(knownEntries)
        const write = store.persistKnown(knownEntries.slice(0, 1))
        const after = await crash()
        await Promise.allSettled([write])
        const { known } = await after.load()
        const wholes = [[], knownEntries, knownEntries.slice(0, 1)]
        assert.ok(
          wholes.some((whole) => JSON.stringify(hashes(whole)) === JSON.stringify(hashes(known))),
        )
      }),
    )

    it(
      'keeps own state and known entries apart',
      within(async ({ store, crash }) => {
        await Promise.all([store.persistKnown(knownEntries), store.persistOwn(ownState(9))])
        assert.equal((await (await crash()).load()).own.incarnation, 9)
      }),
    )
  })
}

const ownAfter = async (crash: StoreBench['crash']): Promise<OwnState> =>
  plainOwn((await (await crash()).load()).own)

const plainOwn = (own: OwnState): OwnState =>
  own.entry ? { ...own, entry: plainEntry(own.entry) } : own

const plain = ({ entry, remainMs }: Carried): Carried => ({ entry: plainEntry(entry), remainMs })

// The codec leaves a property of its own on the bytes that it decoded: a copy compares without it.
const plainEntry = (entry: Entry): Entry => ({ ...entry, envelope: new Uint8Array(entry.envelope) })

const hashes = (known: readonly Carried[]): string[] => known.map(({ entry }) => entry.hash)

export function ownState(incarnation: number): OwnState {
  const gateway = parseAddress('172.16.4.1')
  assert.ok(gateway)
  return {
    entry: record(selfKeys, incarnation),
    incarnation,
    announced: [prefix('10.9.0.0/16'), prefix('fd00:9::/32')],
    gateways: [{ link: 'starling0', address: gateway, length: 22 }],
  }
}

export function record(keys: KeyPair, incarnation: number): Entry<NodeRecord> {
  const hop = parseAddress('10.0.1.70')
  const pool = { prefix: prefix('172.16.0.0/12'), subnetLength: 22 }
  return sealer(keys)({
    kind: 'record',
    origin: keys.id,
    cluster: 'test',
    version: { incarnation, seqno: 1 },
    name: `node-${incarnation}`,
    bootedAtMs: 1_700_000_000_000,
    nextHops: hop ? [hop] : [],
    addresses: ['/ip4/10.0.1.70/tcp/7946'],
    pools: [pool],
    claims: [
      {
        prefix: prefix('172.16.4.0/22'),
        fence: 0,
        state: 'confirmed',
        used: false,
        confirmedAtMs: 1_700_000_000_600,
      },
    ],
    extras: [],
    exclusions: [],
    witnessed: [],
    observed: [],
    kept: [],
    awarded: [],
    draining: false,
    software: 'starling/test',
  })
}

function tombstone(keys: KeyPair): Entry<Tombstone> {
  return sealer(keys)(tombstoneOf(record(keys, 5), { reason: 'left', author: keys.id }))
}

const knownEntries: readonly Carried[] = [
  { entry: record(keysOf(2), 1), remainMs: Number.POSITIVE_INFINITY },
  { entry: tombstone(keysOf(3)), remainMs: 86_400_000 },
  { entry: tombstone(keysOf(4)), remainMs: 0 },
]

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text)
  assert.ok(parsed, text)
  return parsed
}
