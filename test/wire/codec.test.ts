/** What is encoded decodes to the same; what is not genuine does not, and never throws. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Packr } from 'msgpackr'
import { type Body, recordLimits, versionLimits } from '../../src/core/claim/record.ts'
import { syncLimits } from '../../src/core/gossip/message.ts'
import { paperLimits } from '../../src/core/trust/paper.ts'
import { decodeEnvelope, encodeBody, encodeEnvelope } from '../../src/wire/body.ts'
import {
  carriedFrom,
  decodeEntry,
  decodeMessage,
  encodeMessage,
  packCarried,
} from '../../src/wire/codec.ts'
import { hashOf } from '../../src/wire/signature.ts'
import { Verified } from '../../src/wire/verified.ts'
import { anyEntry } from '../core/arbitraries.ts'
import {
  nodeOf,
  nodesInOrder,
  prefixOf,
  recordOf,
  type Specimen,
  tombstoneOf,
} from '../core/specimens.ts'
import { bodyBy, message, node } from './arbitraries.ts'
import { signed } from './signed.ts'

const packr = new Packr({ useRecords: false })
const [author, stranger] = [nodeOf(1), nodeOf(2)]

const codeOf = (packed: Uint8Array) => {
  const decoded = decodeEntry(packed)
  return decoded.ok ? 'ok' : decoded.code
}

const fieldsOf = (body: Body): Record<string, unknown> =>
  packr.unpack(encodeBody(body)) as Record<string, unknown>

/** An envelope by `writer` of a payload that was changed before it was signed. */
const altered = (body: Body, change: Record<string, unknown>, writer: Specimen = author) =>
  signed(writer, packr.pack({ ...fieldsOf(body), ...change }))

describe('an entry', () => {
  it('decodes to the body that was sealed, whatever was decoded before', () => {
    const lasting = new Verified()
    fc.assert(
      fc.property(
        node.chain((of) => fc.tuple(fc.constant(of), bodyBy(of.id))),
        ([of, body]) => {
          const entry = of.seal(body)
          fc.pre(entry.envelope.length <= recordLimits.envelopeBytes)
          for (const verified of [new Verified(), lasting]) {
            const decoded = decodeEntry(entry.envelope, verified)
            assert.ok(decoded.ok, decoded.ok ? '' : decoded.reason)
            assert.deepEqual(decoded.value, entry)
            assert.equal(decoded.value.hash, hashOf(entry.envelope))
          }
        },
      ),
    )
  })

  it('fits with all that it may hold', () => {
    const prefix = (index: number) =>
      prefixOf(`2001:db8:aaaa:bbbb:cccc:dddd:${(0x1000 + index).toString(16)}:1111/128`)
    const ids = nodesInOrder(recordLimits.observed).map(({ id }) => id)
    const many = <T>(count: number, item: (index: number) => T) =>
      Array.from({ length: count }, (_, index) => item(index))
    const most = versionLimits.version
    const record = recordOf(author, {
      name: 'n'.repeat(recordLimits.nameLength),
      software: 's'.repeat(recordLimits.nameLength),
      addresses: many(
        recordLimits.addresses,
        () => '/ip6/2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff/tcp/65535',
      ),
      extras: many(recordLimits.extras, prefix),
      exclusions: many(recordLimits.exclusions, prefix),
      witnessed: many(recordLimits.witnessed, (index) => ({
        prefix: prefix(index),
        holder: author.id,
      })),
      observed: ids.map((id) => ({
        node: id,
        incarnation: most,
        observer: most,
        state: 'host-down',
      })),
      certificate: new Uint8Array(paperLimits.bytes),
    })
    assert.equal(codeOf(author.seal(record).envelope), 'ok')
    assert.equal(codeOf(stranger.seal(tombstoneOf(record, stranger.id)).envelope), 'ok')
  })

  it('is the same bytes whenever one key seals one body', () => {
    const record = recordOf(author)
    assert.deepEqual(author.seal(record), author.seal({ ...record }))
  })

  it('keeps no view of what it was read from', () => {
    const { envelope, hash } = author.seal(recordOf(author))
    const received = new Uint8Array(envelope)
    const decoded = decodeEntry(received)
    received.fill(0)
    assert.ok(decoded.ok)
    assert.equal(hashOf(decoded.value.envelope), hash)
    assert.equal(decoded.value.envelope.buffer.byteLength, envelope.length)
  })

  it('keeps the fields of a newer version, byte for byte', () => {
    const envelope = altered(recordOf(author), { protocol: 2, weather: { wind: [1, 'NW'] } })
    const decoded = decodeEntry(envelope)
    assert.ok(decoded.ok)
    assert.deepEqual(decoded.value.body, recordOf(author))
    assert.deepEqual(decoded.value.envelope, envelope)
    const carried = carriedFrom(packCarried({ entry: decoded.value, remainMs: 5 }))
    assert.deepEqual(carried?.entry.envelope, envelope)
  })

  it('keeps what a newer version appends to a claim', () => {
    const claims = [['172.16.4.0/22', 0, true, false, 1_000, 'more', 7]]
    const decoded = decodeEntry(altered(recordOf(author), { claims }))
    assert.ok(decoded.ok && decoded.value.body.kind === 'record')
    assert.equal(decoded.value.body.claims[0]?.prefix.text, '172.16.4.0/22')
  })

  it('of an unknown kind is unsupported, which is no fault of its sender', () => {
    assert.equal(codeOf(altered(recordOf(author), { kind: 'weather' })), 'unsupported')
  })

  it('of a record that says another origin is that of its key all the same', () => {
    const decoded = decodeEntry(altered(recordOf(author), { origin: stranger.id }))
    assert.ok(decoded.ok)
    assert.equal(decoded.value.body.origin, author.id)
  })
})

describe('a decoder', () => {
  it('refuses what another key signed', () => {
    const payload = encodeBody(recordOf(author))
    const { signature } = unpacked(stranger.seal(recordOf(stranger)).envelope)
    const { publicKey } = author.keys
    assert.equal(codeOf(encodeEnvelope({ payload, publicKey, signature })), 'forged')
  })

  it('refuses an entry of which any byte was changed', () => {
    const { envelope } = author.seal(recordOf(author))
    for (let at = 0; at < envelope.length; at += 1) {
      const changed = new Uint8Array(envelope)
      changed[at] = (changed[at] ?? 0) ^ 1
      assert.notEqual(codeOf(changed), 'ok', `byte ${at}`)
    }
  })

  it('verifies an entry once, and takes nothing that differs from it for it', () => {
    const verified = new Verified()
    const { envelope } = author.seal(recordOf(author))
    const first = decodeEntry(envelope, verified)
    const again = decodeEntry(new Uint8Array(envelope), verified)
    assert.ok(first.ok && again.ok && again.value === first.value)
    for (let at = 0; at < envelope.length; at += 1) {
      const changed = new Uint8Array(envelope)
      changed[at] = (changed[at] ?? 0) ^ 1
      assert.ok(!decodeEntry(changed, verified).ok, `byte ${at}`)
    }
  })

  it('refuses another wrapping of the same signed payload: it would be a rival of itself', () => {
    const { envelope } = author.seal(recordOf(author))
    const { payload, publicKey, signature } = unpacked(envelope)
    assert.equal(codeOf(packr.pack([payload, publicKey, signature])), 'ok')
    assert.equal(codeOf(packr.pack([payload, publicKey, signature, 1])), 'malformed')
    // A list of three with a length of 16 bits.
    const longer = new Uint8Array([0xdc, 0, 3, ...envelope.subarray(1)])
    assert.equal(codeOf(longer), 'malformed')
  })

  it('refuses a leave of another node', () => {
    const leave = tombstoneOf(recordOf(stranger))
    assert.equal(codeOf(signed(author, encodeBody(leave))), 'malformed')
    assert.equal(codeOf(signed(stranger, encodeBody(leave))), 'ok')
    const eviction = { ...leave, reason: 'evicted' as const }
    assert.equal(codeOf(signed(author, encodeBody(eviction))), 'ok')
  })

  it('refuses a tombstone of a record that its node did not sign', () => {
    const record = recordOf(stranger)
    const { payload, publicKey } = unpacked(stranger.seal(record).envelope)
    const envelope = encodeEnvelope({ payload, publicKey, signature: new Uint8Array(64) })
    const ended = { body: record, envelope, hash: '' }
    const forgery = { ...tombstoneOf(record, author.id), ended }
    assert.equal(codeOf(signed(author, encodeBody(forgery))), 'forged')
    const nested = { ...forgery, ended: { ...author.seal(tombstoneOf(record)), body: record } }
    assert.equal(codeOf(signed(author, encodeBody(nested))), 'malformed')
  })

  it('refuses what is too long', () => {
    const addresses = Array.from({ length: recordLimits.addresses }, () => longestAddress)
    const longest = recordOf(author, { addresses, name: 'n'.repeat(recordLimits.nameLength) })
    assert.equal(codeOf(author.seal(longest).envelope), 'ok')
    for (const more of [
      { name: 'n'.repeat(recordLimits.nameLength + 1) },
      { addresses: [...addresses, longestAddress] },
      { addresses: [`${longestAddress}0`] },
      { extras: Array.from({ length: recordLimits.extras + 1 }, () => prefixOf('10.0.0.0/8')) },
      { nextHops: [author.nextHop, stranger.nextHop] },
    ]) {
      assert.equal(codeOf(author.seal(recordOf(author, more)).envelope), 'malformed')
    }
    assert.equal(
      codeOf(altered(recordOf(author), { padding: 'x'.repeat(recordLimits.recordBytes) })),
      'malformed',
    )
  })

  it('refuses names that a terminal obeys, hides or turns round', () => {
    for (const name of [
      'h\u0000',
      '\u001b[2J',
      'a\nb',
      '\u202eevil',
      'a\u200bb',
      '\u00ad',
      '\ufeff',
      '\u2028',
    ]) {
      for (const field of ['name', 'software', 'cluster']) {
        assert.equal(codeOf(altered(recordOf(author), { [field]: name })), 'malformed', field)
      }
    }
    assert.equal(codeOf(altered(recordOf(author), { name: 'Hôte 7 (東京)' })), 'ok')
  })

  it('refuses addresses that are no address and port in one spelling', () => {
    for (const address of [
      '',
      'x',
      '/ip4/10.0.1.1',
      '/ip4/10.0.1.1/tcp/0',
      '/ip4/10.0.1.1/tcp/65536',
      '/ip4/10.0.1.1/tcp/07871',
      '/ip4/10.0.1.01/tcp/1',
      '/ip4/fd00::1/tcp/1',
      '/ip6/10.0.1.1/tcp/1',
      '/ip6/FD00::1/tcp/1',
      '/ip6/fd00:0::1/tcp/1',
      '/dns4/host/tcp/1',
      '/ip4/10.0.1.1/udp/1',
      '/ip4/10.0.1.1/tcp/1/p2p/x',
      '/ip4/10.0.1.1/tcp/1/',
    ]) {
      assert.equal(
        codeOf(altered(recordOf(author), { addresses: [address] })),
        'malformed',
        address,
      )
    }
    for (const address of ['/ip4/10.0.1.1/tcp/1', '/ip6/fd00::1/tcp/65535'])
      assert.equal(codeOf(altered(recordOf(author), { addresses: [address] })), 'ok', address)
  })

  it('remembers no author before its signature is checked', () => {
    const verified = new Verified()
    const { publicKey } = author.keys
    const { payload } = decodeEnvelope(author.seal(recordOf(author)).envelope)
    const forgery = encodeEnvelope({ payload, publicKey, signature: new Uint8Array(64) })
    assert.equal(decodeEntry(forgery, verified).ok, false)
    assert.notEqual(verified.author(publicKey), verified.author(publicKey))
    assert.equal(decodeEntry(author.seal(recordOf(author)).envelope, verified).ok, true)
    assert.equal(verified.author(publicKey), verified.author(publicKey))
  })

  it('asks its bearer before it checks a signature, tells it of a forgery, and charges nothing for what is verified', () => {
    const verified = new Verified()
    const told: string[] = []
    const bearer = (may: boolean) => ({
      mayBring() {
        told.push('asked')
        return may
      },
      broughtForgery: () => void told.push('forged'),
    })
    const { envelope } = author.seal(recordOf(author))
    const { payload } = decodeEnvelope(envelope)
    const { publicKey } = author.keys
    const forgery = encodeEnvelope({ payload, publicKey, signature: new Uint8Array(64) })
    const refused = decodeEntry(forgery, verified, bearer(false))
    assert.equal(refused.ok ? 'ok' : refused.code, 'overdrawn')
    const forged = decodeEntry(forgery, verified, bearer(true))
    assert.equal(forged.ok ? 'ok' : forged.code, 'forged')
    assert.equal(decodeEntry(envelope, verified, bearer(true)).ok, true)
    assert.equal(decodeEntry(envelope, verified, bearer(false)).ok, true)
    assert.deepEqual(told, ['asked', 'asked', 'forged', 'asked'])
  })

  it('refuses every field that has not its type', () => {
    const strange = [undefined, null, -1, 1.5, 2 ** 60, 2n ** 63n, '', 'x', [], {}, [null], NaN]
    for (const body of [recordOf(author), tombstoneOf(recordOf(author))]) {
      for (const field of Object.keys(fieldsOf(body))) {
        for (const value of strange) {
          const decoded = decodeEntry(altered(body, { [field]: value }))
          if (!decoded.ok) continue
          // Where it is accepted it must be a value of that type, and of a sound body.
          assert.deepEqual(decodeEntry(signed(author, encodeBody(decoded.value.body))).ok, true)
        }
      }
    }
    for (const wrong of [
      { version: [1] },
      { version: [1, 2, 3] },
      { version: [1, -2] },
      { pools: [['172.16.0.0/12', 11]] },
      { pools: [['172.16.0.0/12', 33]] },
      { pools: [['172.16.1.0/12', 22]] },
      { claims: [['172.16.0.0/22', 0, 1, false, 0]] },
      { claims: [['172.16.0.0/022', 0, true, false, 0]] },
      { nextHops: ['10.0.0.01'] },
      { nextHops: ['FD00::1'] },
      { exclusions: ['172.16.0.1/16'] },
      { draining: 0 },
    ]) {
      assert.equal(codeOf(altered(recordOf(author), wrong)), 'malformed', JSON.stringify(wrong))
    }
  })

  it('refuses msgpack extensions where plain values belong', () => {
    const extended = new Packr({ useRecords: false, structuredClone: true, moreTypes: true })
    for (const value of [new Date(), new Set(['a']), new Map(), /x/, new Error('x')]) {
      assert.notEqual(codeOf(signed(author, extended.pack(value))), 'ok')
      const fields = { ...fieldsOf(recordOf(author)), name: value }
      assert.equal(codeOf(signed(author, extended.pack(fields))), 'malformed')
      assert.ok(!decodeMessage(extended.pack(value)).ok)
      assert.ok(!decodeMessage(extended.pack(['probe', value])).ok)
    }
    // Record definitions, and a type byte that nobody uses.
    for (const bytes of [[0xd4, 0x72, 0x40, 0x90], [0xc1], [0xc7, 0, 0x72], [0xd9, 0xff]]) {
      assert.equal(codeOf(signed(author, new Uint8Array(bytes))), 'malformed')
      assert.equal(codeOf(new Uint8Array(bytes)), 'malformed')
      assert.ok(!decodeMessage(new Uint8Array(bytes)).ok)
    }
  })

  it('is not led astray by prototypes', () => {
    const packed = packr.pack(JSON.parse('{"__proto__": {"kind": "record"}, "protocol": 1}'))
    assert.notEqual(codeOf(signed(author, packed)), 'ok')
    assert.equal(({} as Record<string, unknown>).kind, undefined)
  })

  it('does not throw on deep nesting', () => {
    for (const depth of [100, 1_000, 16_000]) {
      const nested = new Uint8Array(depth + 1).fill(0x91)
      nested[depth] = 0xc0
      assert.equal(codeOf(nested), 'malformed')
      assert.ok(!decodeMessage(nested).ok)
      assert.notEqual(codeOf(signed(author, nested.subarray(0, 16_000))), 'ok')
    }
  })

  it('does not throw on lengths that promise more than there is', () => {
    for (const type of [
      0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf,
    ]) {
      const bytes = new Uint8Array([type, 0xff, 0xff, 0xff, 0xff])
      assert.equal(codeOf(bytes), 'malformed')
      assert.ok(!decodeMessage(bytes).ok)
    }
  })

  it('never throws, whatever bytes it is given', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        assert.ok(!decodeEntry(bytes).ok)
        decodeMessage(bytes)
      }),
      { numRuns: 2_000 },
    )
  })

  it('never throws on what was damaged on its way, nor takes it for genuine', () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(anyEntry, damage, fc.nat(), ({ envelope }, changes, cut) => {
        const damaged = new Uint8Array(envelope)
        for (const [at, value] of changes) damaged[at % damaged.length] = value
        if (Buffer.compare(damaged, envelope) !== 0) assert.ok(!decodeEntry(damaged).ok)
        assert.ok(!decodeEntry(envelope.subarray(0, cut % envelope.length)).ok)
        assert.ok(!decodeEntry(new Uint8Array([...envelope, 0xc0])).ok)
      }),
      { numRuns: 500 },
    )
  })
})

describe('a message', () => {
  it('decodes to what was encoded', () => {
    fc.assert(
      fc.property(message, (original) => {
        assert.deepEqual(decodeMessage(encodeMessage(original)), { ok: true, value: original })
      }),
    )
  })

  it('never throws when it was damaged', () => {
    fc.assert(
      fc.property(message, fc.nat(), fc.nat(255), (original, at, value) => {
        const packed = encodeMessage(original)
        packed[at % packed.length] = value
        decodeMessage(packed)
        decodeMessage(packed.subarray(0, at % packed.length))
      }),
      { numRuns: 500 },
    )
  })

  it('carries on without the entries that it cannot read', () => {
    const good = author.seal(recordOf(author))
    const newer = altered(recordOf(stranger), { kind: 'weather' }, stranger)
    const forged = new Uint8Array(good.envelope)
    forged[forged.length - 1] = (forged[forged.length - 1] ?? 0) ^ 1
    const packed = packr.pack([
      'delta',
      [newer, forged, good.envelope].map((envelope) => [envelope, null]),
      [],
      true,
    ])
    const decoded = decodeMessage(packed)
    assert.ok(decoded.ok && decoded.value.type === 'delta')
    assert.deepEqual(
      decoded.value.carried.map(({ entry }) => entry.hash),
      [good.hash],
    )
  })

  it('of an unknown type is unsupported', () => {
    const decoded = decodeMessage(packr.pack(['gossip', 1, 2]))
    assert.equal(decoded.ok ? '' : decoded.code, 'unsupported')
  })

  it('is refused beyond its bounds', () => {
    const stamp = ['x', 1, 1, '']
    const tooMany = Array.from({ length: syncLimits.stamps + 1 }, () => stamp)
    for (const fields of [
      ['summary', [], tooMany, true],
      ['summary', Array.from({ length: syncLimits.buckets + 1 }, () => 0), [], true],
      ['delta', [], Array.from({ length: syncLimits.wants + 1 }, () => 'x'), true],
      ['probe', 'x'.repeat(65)],
      ['buckets', 'x', Array.from({ length: syncLimits.buckets + 1 }, () => 'x')],
    ]) {
      assert.equal(decodeMessage(packr.pack(fields)).ok, false, String(fields[0]))
    }
    const long = packr.pack(['probe', 'x', 'y'.repeat(syncLimits.messageBytes)])
    assert.equal(decodeMessage(long).ok, false)
  })
})

function unpacked(envelope: Uint8Array) {
  const [payload, publicKey, signature] = packr.unpack(new Uint8Array(envelope)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ]
  return { payload, publicKey, signature }
}

/** As long as an address can be written. */
const longestAddress = '/ip6/1111:1111:1111:1111:1111:1111:1111:1111/tcp/65535'
