/**
 * Every decoder against inputs that are nearly right: none throws what it does not promise, and what is accepted is
 * written and read again as it is. FUZZ: how many inputs each gets; FUZZ_SEED: those of a run that failed.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseBody, Refused } from '../../src/adapters/docker/body.ts'
import { decodeBeat, encodeBeat } from '../../src/adapters/libp2p/sync-stream.ts'
import { knownFrom, ownFrom, packKnown, packOwn } from '../../src/adapters/store/contents.ts'
import { frame, unframe } from '../../src/adapters/store/frame.ts'
import { leaseOf } from '../../src/adapters/store/lease-database.ts'
import { parseCall } from '../../src/cni/call.ts'
import { parseRequest } from '../../src/cni/request.ts'
import { type Body, isRecord } from '../../src/core/claim/record.ts'
import { type BodyReader, decodeBody, encodeBody } from '../../src/wire/body.ts'
import { decodeEntry, decodeMessage, encodeMessage } from '../../src/wire/codec.ts'
import { pack, unpack } from '../../src/wire/packing.ts'
import { papersIn, paperText, parseToken, tokenText } from '../../src/wire/paper.ts'
import { Parsed } from '../../src/wire/parsed.ts'
import { MalformedError } from '../../src/wire/shape.ts'
import { bodyOf } from '../cni/calls.ts'
import { addressOf, claimOf, nodeOf, prefixOf, recordOf, tombstoneOf } from '../core/specimens.ts'
import { byToken, certificateFor, read, revocationOf, tokenOf } from '../core/trust/operator.ts'
import { Chance, mutateBytes, mutateValue } from './mutate.ts'

const inputs = Number(process.env.FUZZ ?? 6_000)
const firstSeed = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000_000)

const author = nodeOf(1)
const bodies: readonly Body[] = [
  recordOf(author, {
    claims: [claimOf('172.16.4.0/22'), claimOf('fd00:0:0:4::/64', { state: 'tentative' })],
    pools: [
      { prefix: prefixOf('172.16.0.0/12'), subnetLength: 22 },
      { prefix: prefixOf('fd00::/48'), subnetLength: 64 },
    ],
    nextHops: [addressOf('10.0.1.1'), addressOf('fd00::1')],
    addresses: ['/ip4/10.0.1.1/tcp/7871', '/ip6/fd00::1/tcp/7871'],
    extras: [prefixOf('10.9.0.0/16'), prefixOf('fd09::/64')],
    exclusions: [prefixOf('172.16.0.0/24')],
    certificate: certificateFor(author),
  }),
  tombstoneOf(recordOf(author, { claims: [claimOf('172.16.4.0/22')] })),
  tombstoneOf(recordOf(nodeOf(2), { claims: [claimOf('172.16.8.0/22')] }), author.id),
]
const entries = bodies.map((body) => author.seal(body))
const carried = entries.map((entry) => ({
  entry,
  remainMs: entry.body.kind === 'record' ? Number.POSITIVE_INFINITY : 1_000,
}))
const root = '0123456789abcdef'
const messages = [
  encodeMessage({ type: 'probe', root }),
  encodeMessage({ type: 'buckets', root, buckets: [root, root] }),
  encodeMessage({
    type: 'summary',
    buckets: [1, 2],
    stamps: [{ id: author.id, version: [1, 1], hash: root }],
    last: true,
  }),
  encodeMessage({ type: 'delta', carried, want: [author.id], last: true }),
  encodeMessage({ type: 'trust', digest: root, asks: true }),
  encodeMessage({ type: 'papers', papers: [certificateFor(author)] }),
]
const own = {
  entry: entries[0],
  incarnation: 3,
  announced: [prefixOf('10.9.0.0/16')],
  gateways: [{ link: 'starling0', address: addressOf('172.16.4.1'), length: 22 }],
  certificate: certificateFor(author),
  papers: [revocationOf(author)],
}
const row = {
  ...{ address: '172.16.4.2', subnet: '172.16.4.0/22', door: 'cni', network: 'n', id: 'c1' },
  ...{ ifname: 'eth0', name: 'x', since_ms: 1_000, boot_id: 'b', netns_path: '/run/netns/c1' },
  ...{ netns_inode: '4:1', seen_by: '', mac: '', released_ms: null },
}
const netconf = {
  ...{ cniVersion: '1.1.0', name: 'net', type: 'bridge', ipam: { type: 'starling-ipam' } },
  prevResult: { cniVersion: '1.1.0', ips: [{ address: '172.16.4.2/22', gateway: '172.16.4.1' }] },
  args: { cni: { ips: ['172.16.4.2'] } },
  'cni.dev/valid-attachments': [{ containerID: 'c1', ifname: 'eth0' }],
}

const reader: BodyReader = {
  parsed: new Parsed(),
  ended(envelope) {
    const decoded = decodeEntry(envelope)
    if (!decoded.ok || !isRecord(decoded.value)) throw new MalformedError('no record')
    return decoded.value
  },
}

/** Half of the inputs are values that were changed and packed, half are packed values whose bytes were changed. */
const packedChange = (value: unknown, chance: Chance): Uint8Array =>
  chance.next() < 0.5 ? pack(mutateValue(value, chance)) : mutateBytes(pack(value), chance)

const decoders: Readonly<Record<string, (chance: Chance) => void>> = {
  envelope(chance) {
    const decoded = decodeEntry(packedChange(unpack(chance.of(entries).envelope), chance))
    if (decoded.ok) assert.ok(entries.some(({ hash }) => hash === decoded.value.hash))
  },
  body(chance) {
    const value = unpack(encodeBody(chance.of(bodies)))
    const body = allowing([MalformedError, RangeError, Error], () =>
      decodeBody(packedChange(value, chance), author.id, reader),
    )
    if (body) assert.deepEqual(decodeBody(encodeBody(body), author.id, reader), body)
  },
  message(chance) {
    const decoded = decodeMessage(packedChange(unpack(chance.of(messages)), chance))
    if (!decoded.ok) return
    assert.deepEqual(decodeMessage(encodeMessage(decoded.value)), decoded)
  },
  beat(chance) {
    const bytes = mutateBytes(encodeBeat({ asks: true, root }), chance)
    const beat = decodeBeat(bytes)
    if (beat) assert.deepEqual(Buffer.from(encodeBeat(beat)), Buffer.from(bytes))
  },
  frame(chance) {
    const file = { kind: 'own', owner: author.id } as const
    const bytes = mutateBytes(frame({ ...file, contents: packOwn(own) }), chance)
    unframe(Buffer.from(bytes), file)
  },
  'own state'(chance) {
    const read = allowing([MalformedError], () => ownFrom(mutateValue(packOwn(own), chance)))
    if (read) assert.deepEqual(ownFrom(packOwn(read)), read)
  },
  'known nodes'(chance) {
    const read = allowing([MalformedError], () =>
      knownFrom(mutateValue(packKnown(carried), chance)),
    )
    if (read) assert.deepEqual(knownFrom(packKnown(read)), read)
  },
  paper(chance) {
    const papers = [certificateFor(author), revocationOf(author), byToken(tokenOf(1), author)]
    const bytes = mutateBytes(chance.of(papers), chance)
    const paper = read(bytes)
    if (typeof paper === 'object')
      assert.ok(papers.some((each) => Buffer.compare(each, bytes) === 0))
  },
  'papers as text'(chance) {
    const text = `${paperText(certificateFor(author))}\n${tokenText(tokenOf(1))}`
    const changed = Buffer.from(mutateBytes(Buffer.from(text), chance)).toString('latin1')
    for (const line of changed.split('\n')) {
      papersIn(line)
      parseToken(line)
    }
  },
  lease(chance) {
    const changed = mutateValue(row, chance)
    if (typeof changed !== 'object' || changed === null) return
    const lease = leaseOf(changed as Record<string, unknown>)
    if (lease) assert.ok(Number.isSafeInteger(lease.sinceMs))
  },
  'docker body'(chance) {
    const text = JSON.stringify({ PoolID: 'p', Options: { a: 'b' }, Address: '172.16.4.2' })
    const changed =
      chance.next() < 0.5
        ? jsonOf(mutateValue(JSON.parse(text), chance))
        : Buffer.from(mutateBytes(Buffer.from(text), chance)).toString()
    allowing([Refused], () => parseBody(changed))
  },
  'cni call'(chance) {
    const command = chance.of(['ADD', 'DEL', 'CHECK', 'GC', 'STATUS'])
    const config = jsonOf(mutateValue(netconf, chance))
    const body =
      chance.next() < 0.5 ? bodyOf(command, config) : mutateBytes(bodyOf(command, netconf), chance)
    const call = parseCall(body)
    if (call) parseRequest(call)
  },
}

for (const [name, decode] of Object.entries(decoders)) {
  test(`the decoder of ${name} keeps its promises for ${inputs} inputs from seed ${firstSeed}`, () => {
    for (let seed = firstSeed; seed < firstSeed + inputs; seed += 1) {
      try {
        decode(new Chance(seed))
      } catch (thrown) {
        throw new Error(`FUZZ_SEED=${seed} FUZZ=1: ${String(thrown)}`, { cause: thrown })
      }
    }
  })
}

/** Undefined where it throws one of these. */
function allowing<T>(
  allowed: readonly (abstract new (...words: never[]) => Error)[],
  decode: () => T,
): T | undefined {
  try {
    return decode()
  } catch (thrown) {
    if (allowed.some((kind) => thrown instanceof kind)) return undefined
    throw thrown
  }
}

const jsonOf = (value: unknown): string =>
  JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? 0 : part)) ?? ''
