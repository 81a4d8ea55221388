/** Bytes to typed values and back. Decoding never throws, whatever it is given, and keeps no view of its input. */

import { type Entry, isRecord, recordLimits } from '../core/claim/record.ts'
import { type Carried, type Stamp, type SyncMessage, syncLimits } from '../core/gossip/message.ts'
import { unreachable } from '../core/invariant.ts'
import { paperLimits } from '../core/trust/paper.ts'
import { decodeBody, decodeEnvelope, encodeEnvelope } from './body.ts'
import { pack, unpack } from './packing.ts'
import { bytes, fail, flag, list, natural, text } from './shape.ts'
import { type Author, hashOf, isSigned } from './signature.ts'
import { type Bearer, Verified } from './verified.ts'

export type Decoded<T> =
  | { readonly ok: true; readonly value: T }
  | {
      readonly ok: false
      /**
       * `unsupported`: of a newer version, no fault of its sender. `forged`: the signature is not its author's. `overdrawn`:
       * not looked at, as its bearer brought too much.
       */
      readonly code: 'malformed' | 'unsupported' | 'forged' | 'overdrawn'
      readonly reason: string
    }

/** A signed entry as gossip carries it. Costs `bearer` each signature that is not among the `verified`. */
export function decodeEntry(
  packed: Uint8Array,
  verified = new Verified(),
  bearer?: Bearer,
): Decoded<Entry> {
  if (packed.length > recordLimits.envelopeBytes) return malformed('the envelope is too long')
  try {
    const read = readEntry(packed, verified)
    if (!read) return { ok: false, code: 'unsupported', reason: 'a kind of a newer version' }
    const { entry, unchecked } = read
    if (unchecked.length === 0) return { ok: true, value: entry }
    if (bearer?.mayBring(entry.body, unchecked.length) === false) {
      return { ok: false, code: 'overdrawn', reason: 'too many entries in too short a time' }
    }
    for (const { payload, author, signature } of unchecked) {
      if (isSigned(payload, author, signature)) continue
      bearer?.broughtForgery()
      return { ok: false, code: 'forged', reason: `the signature is not that of ${author.id}` }
    }
    for (const part of unchecked) verified.add(part.entry, part.author)
    return { ok: true, value: entry }
  } catch (thrown) {
    return malformed(reasonOf(thrown))
  }
}

/** An entry whose signature is still to be checked. */
interface Unchecked {
  readonly entry: Entry
  readonly payload: Uint8Array
  readonly signature: Uint8Array
  readonly author: Author
}

/** The entry with the signatures in it that nobody checked yet. Undefined: of a newer version. Throws on malformed input. */
function readEntry(
  packed: Uint8Array,
  verified: Verified,
): { readonly entry: Entry; readonly unchecked: readonly Unchecked[] } | undefined {
  const envelope = new Uint8Array(packed)
  const hash = hashOf(envelope)
  const known = verified.entry(hash)
  if (known) return { entry: known, unchecked: [] }
  // A view: msgpackr hangs a DataView on whatever it is given.
  const { payload, publicKey, signature } = decodeEnvelope(envelope.subarray())
  // A second wrapping of one signed payload would be a rival of the first, made by whoever passes it on.
  if (Buffer.compare(encodeEnvelope({ payload, publicKey, signature }), envelope) !== 0) {
    return fail('the envelope is not canonical')
  }
  const author = verified.author(publicKey)
  let inside: readonly Unchecked[] = []
  const body = decodeBody(payload, author.id, {
    parsed: verified.parsed,
    ended: (bytes) => {
      const read = readEntry(bytes, verified)
      if (!read || !isRecord(read.entry)) return fail('what it ends is no record')
      inside = read.unchecked
      return read.entry
    },
  })
  if (!body) return undefined
  if (body.kind === 'record' && envelope.length > recordLimits.recordBytes) {
    return fail('the record is too long')
  }
  const entry = { body, envelope, hash }
  return { entry, unchecked: [...inside, { entry, payload, signature, author }] }
}

export function encodeMessage(message: SyncMessage): Uint8Array {
  switch (message.type) {
    case 'probe':
    case 'match':
      return pack([message.type, message.root])
    case 'buckets':
      return pack([message.type, message.root, message.buckets])
    case 'summary':
      return pack([
        message.type,
        message.buckets,
        message.stamps.map((stamp) => [stamp.id, ...stamp.version, stamp.hash]),
        message.last,
      ])
    case 'delta':
      return pack([message.type, message.carried.map(packCarried), message.want, message.last])
    case 'trust':
      return pack([message.type, message.digest, message.asks])
    case 'papers':
      return pack([message.type, message.papers])
    case 'clock':
      return pack([message.type, message.wallMs])
    default:
      return unreachable(message)
  }
}

/** Entries inside it that do not decode are left out: one of a newer version must not silence the others. */
export function decodeMessage(
  packed: Uint8Array,
  verified = new Verified(),
  bearer?: Bearer,
): Decoded<SyncMessage> {
  if (packed.length > syncLimits.messageBytes) return malformed('the message is too long')
  try {
    const fields = list(unpack(packed), 16, 'the message', (field) => field)
    const message = messageFrom(fields, verified, bearer)
    return message
      ? { ok: true, value: message }
      : { ok: false, code: 'unsupported', reason: 'a message of a newer version' }
  } catch (thrown) {
    return malformed(reasonOf(thrown))
  }
}

function messageFrom(
  fields: readonly unknown[],
  verified: Verified,
  bearer: Bearer | undefined,
): SyncMessage | undefined {
  const type = text(fields[0], 16, 'the message type')
  switch (type) {
    case 'probe':
    case 'match':
      return { type, root: digest(fields[1]) }
    case 'buckets': {
      const buckets = list(fields[2], syncLimits.buckets, 'buckets', digest)
      return { type, root: digest(fields[1]), buckets }
    }
    case 'summary': {
      const buckets = list(fields[1], syncLimits.buckets, 'buckets', (value) =>
        natural(value, 'a bucket'),
      )
      const stamps = list(fields[2], syncLimits.stamps, 'stamps', stampFrom)
      return { type, buckets, stamps, last: flag(fields[3], 'last') }
    }
    case 'delta': {
      const carried = list(fields[1], syncLimits.stamps, 'entries', (value) =>
        carriedFrom(value, verified, bearer),
      )
      const want = list(fields[2], syncLimits.wants, 'wants', (value) => text(value, 64, 'an id'))
      return {
        type,
        carried: carried.filter((item) => item !== undefined),
        want,
        last: flag(fields[3], 'last'),
      }
    }
    case 'clock':
      return { type, wallMs: natural(fields[1], 'a time') }
    case 'trust':
      return { type, digest: digest(fields[1]), asks: flag(fields[2], 'asks') }
    case 'papers': {
      const papers = list(fields[1], paperLimits.sent, 'papers', (value) =>
        bytes(value, paperLimits.bytes, 'a paper'),
      )
      return { type, papers }
    }
    default:
      return undefined
  }
}

const digest = (value: unknown): string => text(value, 64, 'a digest')

function stampFrom(value: unknown): Stamp {
  const [id, first, second, hash] = list(value, 4, 'a stamp', (part) => part)
  return {
    id: text(id, 64, 'an id'),
    version: [natural(first, 'a version number'), natural(second, 'a version number')],
    hash: text(hash, 16, 'a hash'),
  }
}

/** A record has no remainder on the wire: null stands for it. */
export const packCarried = ({ entry, remainMs }: Carried): unknown => [
  entry.envelope,
  Number.isFinite(remainMs) ? Math.ceil(remainMs) : null,
]

/** Undefined where the entry does not decode. Throws MalformedError where the frame around it is malformed. */
export function carriedFrom(
  value: unknown,
  verified = new Verified(),
  bearer?: Bearer,
): Carried | undefined {
  const [envelope, remainMs] = list(value, 2, 'a carried entry', (part) => part)
  const packed = bytes(envelope, recordLimits.envelopeBytes, 'an envelope')
  const decoded = decodeEntry(packed, verified, bearer)
  if (!decoded.ok) return undefined
  return {
    entry: decoded.value,
    remainMs: remainMs === null ? Number.POSITIVE_INFINITY : natural(remainMs, 'a remainder'),
  }
}

const malformed = (reason: string): Decoded<never> => ({ ok: false, code: 'malformed', reason })

const reasonOf = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message.slice(0, 200) : 'unknown'
