/** Bodies and envelopes as msgpack. Fields that this version does not know stay in the envelope and travel on. */

import {
  type Award,
  type Body,
  type Claim,
  type Entry,
  type Failing,
  type NodeId,
  type NodeRecord,
  type Observed,
  recordLimits,
  type Tombstone,
  type Version,
  versionLimits,
  type Witnessed,
} from '../core/claim/record.ts'
import { tombstoneOf } from '../core/claim/tombstone.ts'
import { bitsOf } from '../core/ip/address.ts'
import { type AddressList, isWellFormed } from '../core/ip/address-list.ts'
import type { Pool } from '../core/ip/pool.ts'
import { paperLimits } from '../core/trust/paper.ts'
import { pack, unpack } from './packing.ts'
import type { Parsed } from './parsed.ts'
import { bytes, dialable, fail, flag, list, map, natural, printable, text } from './shape.ts'

/** The protocol version that this code writes. A body of a higher one is read by the fields that it shares. */
const protocol = 1

export interface Envelope {
  readonly payload: Uint8Array
  /** Raw Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array
  /** 64 bytes, over `payload`. */
  readonly signature: Uint8Array
}

export function encodeEnvelope(envelope: Envelope): Uint8Array {
  return pack([envelope.payload, envelope.publicKey, envelope.signature])
}

/** Throws on malformed input. */
export function decodeEnvelope(packed: Uint8Array): Envelope {
  const fields = unpack(packed)
  if (!Array.isArray(fields)) return fail('the envelope is not a list')
  const publicKey = bytes(fields[1], 32, 'the public key')
  const signature = bytes(fields[2], 64, 'the signature')
  if (publicKey.length !== 32 || signature.length !== 64)
    return fail('key or signature is too short')
  return {
    payload: bytes(fields[0], recordLimits.envelopeBytes, 'the payload'),
    publicKey,
    signature,
  }
}

export function encodeBody(body: Body): Uint8Array {
  return pack(body.kind === 'record' ? packedRecord(body) : packedTombstone(body))
}

export interface BodyReader {
  readonly parsed: Parsed
  /** Reads the record inside a tombstone. Throws on malformed input. */
  ended(envelope: Uint8Array): Entry<NodeRecord>
}

/** `author` is the node whose key signed the payload. Undefined for a kind of a newer version. Throws on malformed input. */
export function decodeBody(
  payload: Uint8Array,
  author: NodeId,
  reader: BodyReader,
): Body | undefined {
  const fields = map(unpack(payload), 'the body')
  natural(fields.protocol, 'protocol')
  switch (fields.kind) {
    case 'record':
      return recordFrom(fields, author, reader.parsed)
    case 'tombstone':
      return tombstoneFrom(fields, author, reader)
    default:
      return undefined
  }
}

const packedRecord = (record: NodeRecord) => ({
  protocol,
  kind: 'record',
  cluster: record.cluster,
  version: [record.version.incarnation, record.version.seqno],
  name: record.name,
  bootedAtMs: record.bootedAtMs,
  nextHops: record.nextHops.map((hop) => hop.text),
  addresses: record.addresses,
  pools: record.pools.map((pool) => [pool.prefix.text, pool.subnetLength]),
  claims: record.claims.map((claim) => [
    claim.prefix.text,
    claim.fence,
    claim.state === 'confirmed',
    claim.used,
    claim.confirmedAtMs,
  ]),
  extras: record.extras.map((extra) => extra.text),
  exclusions: record.exclusions.map((exclusion) => exclusion.text),
  ...(record.witnessed.length > 0 ? { witnessed: record.witnessed.map(packedWitnessed) } : {}),
  ...(record.observed.length > 0 ? { observed: record.observed.map(packedObserved) } : {}),
  ...(record.kept.length > 0 ? { kept: record.kept.map(packedList) } : {}),
  ...(record.awarded.length > 0 ? { awarded: record.awarded.map(packedAward) } : {}),
  draining: record.draining,
  software: record.software,
  ...(record.certificate ? { certificate: record.certificate } : {}),
})

const packedWitnessed = ({ prefix, holder }: Witnessed) => [prefix.text, holder]

const packedObserved = ({ node, incarnation, observer, state }: Observed) => [
  node,
  incarnation,
  observer,
  failings.indexOf(state),
]

const packedList = ({ prefix, packed }: AddressList) => [prefix.text, packed]

const packedAward = (award: Award) => [award.node, ...packedList(award)]

/** By the number that stands for each on the wire. */
const failings: readonly Failing[] = ['agent-down', 'host-down', 'displaced']

const packedTombstone = (tombstone: Tombstone) => ({
  protocol,
  kind: 'tombstone',
  reason: tombstone.reason,
  ended: tombstone.ended.envelope,
  ...(tombstone.certificate ? { certificate: tombstone.certificate } : {}),
})

function recordFrom(fields: Record<string, unknown>, author: NodeId, parsed: Parsed): NodeRecord {
  const hops = list(fields.nextHops, recordLimits.nextHops, 'nextHops', (hop) =>
    parsed.address(hop, 'a next hop'),
  )
  if (hops.length === 2 && hops[0]?.family === hops[1]?.family)
    return fail('two next hops of one family')
  return {
    kind: 'record',
    origin: author,
    cluster: printable(fields.cluster, recordLimits.nameLength, 'cluster'),
    version: versionFrom(fields.version),
    name: printable(fields.name, recordLimits.nameLength, 'name'),
    bootedAtMs: natural(fields.bootedAtMs, 'bootedAtMs'),
    nextHops: hops,
    addresses: list(fields.addresses, recordLimits.addresses, 'addresses', (value) =>
      dialable(value, 'an address'),
    ),
    pools: list(fields.pools, recordLimits.pools, 'pools', (value) => poolFrom(value, parsed)),
    claims: list(fields.claims, recordLimits.claims, 'claims', (value) => claimFrom(value, parsed)),
    extras: list(fields.extras, recordLimits.extras, 'extras', (value) =>
      parsed.prefix(value, 'an extra'),
    ),
    exclusions: list(fields.exclusions, recordLimits.exclusions, 'exclusions', (value) =>
      parsed.prefix(value, 'an exclusion'),
    ),
    witnessed: allWitnessedFrom(fields.witnessed, parsed),
    observed: allObservedFrom(fields.observed),
    kept: allKeptFrom(fields.kept, parsed),
    awarded: allAwardedFrom(fields.awarded, parsed),
    draining: flag(fields.draining, 'draining'),
    software: printable(fields.software, recordLimits.nameLength, 'software'),
    ...certificateFrom(fields),
  }
}

function tombstoneFrom(
  fields: Record<string, unknown>,
  author: NodeId,
  reader: BodyReader,
): Tombstone {
  const reason = fields.reason
  if (reason !== 'left' && reason !== 'evicted') return fail('a tombstone without a known reason')
  const ended = reader.ended(bytes(fields.ended, recordLimits.recordBytes, 'the ended record'))
  if (reason === 'left' && ended.body.origin !== author)
    return fail('a leave that another node wrote')
  return tombstoneOf(ended, { reason, author, ...certificateFrom(fields) })
}

/** What it says is judged by who knows the operator. */
const certificateFrom = ({ certificate }: Record<string, unknown>): { certificate?: Uint8Array } =>
  certificate === undefined
    ? {}
    : { certificate: bytes(certificate, paperLimits.bytes, 'the certificate') }

function versionFrom(value: unknown): Version {
  const [incarnation, seqno] = list(value, 2, 'version', (part) =>
    bounded(part, versionLimits.version, 'a version number'),
  )
  return incarnation === undefined || seqno === undefined ? fail('version') : { incarnation, seqno }
}

const bounded = (value: unknown, most: number, what: string): number => {
  const number = natural(value, what)
  return number <= most ? number : fail(`${what} is above ${most}`)
}

function poolFrom(value: unknown, parsed: Parsed): Pool {
  const [packedPrefix, length] = list(value, 2, 'a pool', (part) => part)
  const prefix = parsed.prefix(packedPrefix, 'a pool')
  const subnetLength = natural(length, 'a subnet length')
  return subnetLength >= prefix.length && subnetLength <= bitsOf(prefix.family)
    ? { prefix, subnetLength }
    : fail('a pool that cannot be divided so')
}

function claimFrom(value: unknown, parsed: Parsed): Claim {
  // Later versions may append to a claim: only the known head is read.
  const [packedPrefix, fence, confirmed, used, confirmedAtMs] = list(
    value,
    16,
    'a claim',
    (part) => part,
  )
  return {
    prefix: parsed.prefix(packedPrefix, 'a claim'),
    fence: bounded(fence, versionLimits.fence, 'a fence'),
    state: flag(confirmed, 'confirmed') ? 'confirmed' : 'tentative',
    used: flag(used, 'used'),
    confirmedAtMs: natural(confirmedAtMs, 'confirmedAtMs'),
  }
}

/** Records in which nothing is contested have none. */
function allWitnessedFrom(value: unknown, parsed: Parsed): Witnessed[] {
  const all = list(value ?? [], recordLimits.witnessed, 'witnessed', (each) =>
    witnessedFrom(each, parsed),
  )
  const prefixes = new Set(all.map(({ prefix }) => prefix.text))
  return prefixes.size === all.length ? all : fail('two holders of one prefix')
}

function witnessedFrom(value: unknown, parsed: Parsed): Witnessed {
  const [packedPrefix, holder] = list(value, 2, 'a witnessed prefix', (part) => part)
  return {
    prefix: parsed.prefix(packedPrefix, 'a witnessed prefix'),
    holder: text(holder, 64, 'a holder') as NodeId,
  }
}

/** Records of nodes that miss nobody have none. */
function allObservedFrom(value: unknown): Observed[] {
  const all = list(value ?? [], recordLimits.observed, 'observed', observedFrom)
  const nodes = new Set(all.map(({ node }) => node))
  return nodes.size === all.length ? all : fail('two words about one node')
}

function observedFrom(value: unknown): Observed {
  const [node, incarnation, observer, state] = list(value, 16, 'an observation', (part) => part)
  const failing = failings[natural(state, 'a state')]
  return {
    node: text(node, 64, 'an observed node') as NodeId,
    incarnation: bounded(incarnation, versionLimits.version, 'an incarnation'),
    observer: bounded(observer, versionLimits.version, 'an incarnation'),
    state: failing ?? fail('an unknown state'),
  }
}

/** Records of nodes that never lost a subnet in use have none. */
function allKeptFrom(value: unknown, parsed: Parsed): AddressList[] {
  const all = list(value ?? [], recordLimits.kept, 'kept', (each) => {
    const [packedPrefix, packed] = list(each, 16, 'a list of addresses', (part) => part)
    return addressListFrom(packedPrefix, packed, parsed)
  })
  const prefixes = new Set(all.map(({ prefix }) => prefix.text))
  if (prefixes.size < all.length) return fail('two lists of one prefix')
  return within(all, recordLimits.keptBytes)
}

/** Records of nodes in whose subnets nobody keeps an address have none. */
function allAwardedFrom(value: unknown, parsed: Parsed): Award[] {
  const all = list(value ?? [], recordLimits.awarded, 'awarded', (each) => {
    const [node, packedPrefix, packed] = list(each, 16, 'an award', (part) => part)
    return {
      node: text(node, 64, 'a node') as NodeId,
      ...addressListFrom(packedPrefix, packed, parsed),
    }
  })
  return within(all, recordLimits.awardedBytes)
}

function within<T extends AddressList>(lists: T[], bytesMax: number): T[] {
  const size = lists.reduce((sum, { packed }) => sum + packed.length, 0)
  return size <= bytesMax ? lists : fail(`lists of addresses are longer than ${bytesMax} bytes`)
}

function addressListFrom(prefix: unknown, packed: unknown, parsed: Parsed): AddressList {
  const found = {
    prefix: parsed.prefix(prefix, 'the prefix of a list'),
    packed: bytes(packed, recordLimits.keptBytes, 'a list of addresses'),
  }
  return isWellFormed(found) ? found : fail('a list of addresses that is not well-formed')
}
