/** Papers of an operator as bytes and as text: certificates, revocations and join tokens. Reading never throws. */

import { type KeyObject, sign } from 'node:crypto'
import type { NodeId } from '../core/claim/record.ts'
import { recordLimits } from '../core/claim/record.ts'
import {
  type Certificate,
  type Paper,
  type PaperFault,
  paperLimits,
  type ReadPaper,
  type Revocation,
} from '../core/trust/paper.ts'
import { decodeEnvelope, encodeEnvelope } from './body.ts'
import { pack, unpack } from './packing.ts'
import { bytes, canonicalPrefix, fail, list, natural, printable, text } from './shape.ts'
import { Author, hashOf, isSigned, type KeyPair, keyPairFromSeed, nodeIdOf } from './signature.ts'

/** What a join token allows whoever has it. */
export interface Grant {
  readonly cluster: string
  readonly serial: number
  /** The name of the node; `*` stands for any characters. */
  readonly names: string
  readonly notAfterMs: number | undefined
}

export interface Token {
  readonly keys: KeyPair
  readonly grant: Grant
  /** What the operator signed. */
  readonly bytes: Uint8Array
}

const version = 1

export const signCertificate = (
  content: Omit<Certificate, 'kind' | 'token'>,
  operator: KeyPair,
): Uint8Array => signed(certificatePayload(content, undefined), operator)

export const signRevocation = (content: Omit<Revocation, 'kind'>, operator: KeyPair): Uint8Array =>
  signed(revocationPayload(content), operator)

/** `seed`: 32 random bytes, the token's own key. */
export function makeToken(grant: Grant, operator: KeyPair, seed: Uint8Array): Token {
  const keys = keyPairFromSeed(seed)
  return { keys, grant, bytes: signed(tokenPayload(grant, keys.publicKey), operator) }
}

/** What a node that has a token signs for itself. */
export function certifyBy(token: Token, node: NodeId, name: string): Uint8Array {
  const { cluster, serial, notAfterMs } = token.grant
  const content = { cluster, serial, node, name, pinned: [], announce: [], notAfterMs }
  return signed(certificatePayload(content, token.bytes), token.keys)
}

/** Reads papers of these operators, 32 bytes each; of any operator where there is none. */
export function paperReader(operators: readonly Uint8Array[]): ReadPaper {
  const isOperator = (key: Uint8Array): boolean =>
    operators.length === 0 || operators.some((each) => Buffer.compare(each, key) === 0)
  const known = new Map<string, Paper | PaperFault>()
  return (packed) => {
    if (packed.length > paperLimits.bytes) return 'malformed'
    const hash = hashOf(packed)
    const before = known.get(hash)
    if (before !== undefined) return before
    const paper = read(new Uint8Array(packed), hash, isOperator)
    // Whatever strangers send must not displace what is asked for again and again.
    if (typeof paper === 'object') {
      if (known.size >= rememberedMax) known.clear()
      known.set(hash, paper)
    }
    return paper
  }
}

const rememberedMax = 4 * paperLimits.kept

function read(
  packed: Uint8Array,
  hash: string,
  isOperator: (key: Uint8Array) => boolean,
): Paper | PaperFault {
  try {
    const { payload, publicKey } = opened(packed)
    const fields = list(unpack(payload), 10, 'a paper', (field) => field)
    if (fields[0] === 'revocation') {
      const content = revocationFrom(fields)
      if (!isSame(payload, revocationPayload(content))) return 'malformed'
      return isOperator(publicKey)
        ? { kind: 'revocation', ...content, bytes: packed, hash }
        : 'foreign-operator'
    }
    if (fields[0] !== 'certificate') return 'malformed'
    const content = certificateFrom(fields)
    const tokenBytes =
      fields[9] === null ? undefined : bytes(fields[9], paperLimits.bytes, 'a token')
    if (!isSame(payload, certificatePayload(content, tokenBytes))) return 'malformed'
    if (!tokenBytes) {
      return isOperator(publicKey)
        ? { kind: 'certificate', ...content, token: undefined, bytes: packed, hash }
        : 'foreign-operator'
    }
    const token = tokenFrom(tokenBytes)
    if (!isOperator(token.signer)) return 'foreign-operator'
    const isHolder = Buffer.compare(token.publicKey, publicKey) === 0
    if (!isHolder || !allows(token.grant, content)) return 'forged'
    const id = nodeIdOf(publicKey)
    return { kind: 'certificate', ...content, token: id, bytes: packed, hash }
  } catch (thrown) {
    return thrown instanceof ForgedError ? 'forged' : 'malformed'
  }
}

class ForgedError extends Error {}

/** A token gives a name and a time, and no prefix. */
function allows(grant: Grant, content: Omit<Certificate, 'kind' | 'token'>): boolean {
  return (
    content.cluster === grant.cluster &&
    content.serial === grant.serial &&
    content.notAfterMs === grant.notAfterMs &&
    content.pinned.length === 0 &&
    content.announce.length === 0 &&
    matches(content.name, grant.names)
  )
}

/** No regular expression: a pattern of stars would keep one busy for ever. */
export function matches(name: string, pattern: string): boolean {
  const [head = '', ...rest] = pattern.split('*')
  const tail = rest.pop()
  if (tail === undefined) return name === pattern
  if (!name.startsWith(head) || name.length < head.length + tail.length) return false
  let at = head.length
  for (const part of rest) {
    const found = name.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return name.endsWith(tail) && name.length - tail.length >= at
}

/** Throws where it is no envelope in its one form, or not signed by its key. */
function opened(packed: Uint8Array): { payload: Uint8Array; publicKey: Uint8Array } {
  const envelope = decodeEnvelope(packed.subarray())
  if (!isSame(encodeEnvelope(envelope), packed)) return fail('the envelope is not canonical')
  const { payload, publicKey, signature } = envelope
  if (!isSigned(payload, new Author(publicKey), signature)) throw new ForgedError('signature')
  return { payload, publicKey }
}

function signed(payload: Uint8Array, { publicKey, privateKey }: SigningKey): Uint8Array {
  const signature = sign(null, payload, privateKey)
  return encodeEnvelope({ payload, publicKey, signature })
}

interface SigningKey {
  readonly publicKey: Uint8Array
  readonly privateKey: KeyObject
}

const certificatePayload = (
  content: Omit<Certificate, 'kind' | 'token'>,
  token: Uint8Array | undefined,
): Uint8Array =>
  pack([
    'certificate',
    version,
    content.cluster,
    content.serial,
    content.node,
    content.name,
    content.pinned.map((prefix) => prefix.text),
    content.announce.map((prefix) => prefix.text),
    content.notAfterMs ?? null,
    token ?? null,
  ])

const revocationPayload = (content: Omit<Revocation, 'kind'>): Uint8Array =>
  pack(['revocation', version, content.cluster, content.serial, content.subject])

const tokenPayload = (grant: Grant, publicKey: Uint8Array): Uint8Array =>
  pack([
    'token',
    version,
    grant.cluster,
    grant.serial,
    publicKey,
    grant.names,
    grant.notAfterMs ?? null,
  ])

function certificateFrom(fields: readonly unknown[]): Omit<Certificate, 'kind' | 'token'> {
  const [, , cluster, serial, node, name, pinned, announce, notAfterMs] = fields
  const prefixes = list(pinned, paperLimits.pinned, 'pinned', (each) =>
    canonicalPrefix(each, 'a pinned prefix'),
  )
  if (prefixes.length === 2 && prefixes[0]?.family === prefixes[1]?.family)
    return fail('two pinned prefixes of one family')
  return {
    cluster: text(cluster, recordLimits.nameLength, 'cluster'),
    serial: natural(serial, 'serial'),
    node: text(node, 64, 'node') as NodeId,
    name: printable(name, recordLimits.nameLength, 'name'),
    pinned: prefixes,
    announce: list(announce, paperLimits.announce, 'announce', (each) =>
      canonicalPrefix(each, 'an announced prefix'),
    ),
    notAfterMs: timeFrom(notAfterMs),
  }
}

const revocationFrom = (fields: readonly unknown[]): Omit<Revocation, 'kind'> => ({
  cluster: text(fields[2], recordLimits.nameLength, 'cluster'),
  serial: natural(fields[3], 'serial'),
  subject: text(fields[4], 64, 'subject') as NodeId,
})

interface SignedGrant {
  readonly grant: Grant
  readonly publicKey: Uint8Array
  readonly signer: Uint8Array
}

function tokenFrom(packed: Uint8Array): SignedGrant {
  const { payload, publicKey: signer } = opened(packed)
  const fields = list(unpack(payload), 7, 'a token', (field) => field)
  if (fields[0] !== 'token') return fail('a token of another kind')
  const publicKey = bytes(fields[4], 32, "the token's key")
  const grant: Grant = {
    cluster: text(fields[2], recordLimits.nameLength, 'cluster'),
    serial: natural(fields[3], 'serial'),
    names: printable(fields[5], recordLimits.nameLength, 'names'),
    notAfterMs: timeFrom(fields[6]),
  }
  return isSame(payload, tokenPayload(grant, publicKey))
    ? { grant, publicKey, signer }
    : fail('the token is not canonical')
}

const timeFrom = (value: unknown): number | undefined =>
  value === null ? undefined : natural(value, 'a time')

const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

const marks = {
  paper: 'starling-paper:',
  token: 'starling-token:',
  operator: 'starling-operator:',
} as const

export const paperText = (packed: Uint8Array): string => `${marks.paper}${base64(packed)}`

/** Every paper in a text of lines; other lines are for people. Undefined: one of them is none. */
export function papersIn(written: string): Uint8Array[] | undefined {
  const found: Uint8Array[] = []
  for (const line of written.split('\n').map((each) => each.trim())) {
    if (line === '' || line.startsWith('#')) continue
    const packed = marked(line, marks.paper)
    if (!packed || packed.length > paperLimits.bytes) return undefined
    found.push(packed)
  }
  return found
}

export const tokenText = ({ keys, bytes: packed }: Token): string =>
  `${marks.token}${base64(pack([keys.seed, packed]))}`

/** Undefined: the text is no token. Whose signature it has is the cluster's to judge. */
export function parseToken(written: string): Token | undefined {
  const packed = marked(written.trim(), marks.token)
  if (!packed || packed.length > paperLimits.bytes) return undefined
  try {
    const [seed, of] = list(unpack(packed), 2, 'a token', (part) =>
      bytes(part, paperLimits.bytes, 'a token'),
    )
    if (seed?.length !== 32 || !of) return undefined
    const keys = keyPairFromSeed(seed)
    const { grant, publicKey } = tokenFrom(of)
    return isSame(publicKey, keys.publicKey) ? { keys, grant, bytes: of } : undefined
  } catch {
    // Whatever is wrong inside it, it is no token.
    return undefined
  }
}

export const operatorText = (publicKey: Uint8Array): string =>
  `${marks.operator}${base64(publicKey)}`

export function parseOperator(written: string): Uint8Array | undefined {
  const key = marked(written, marks.operator)
  return key?.length === 32 && written === operatorText(key) ? key : undefined
}

const base64 = (packed: Uint8Array): string => Buffer.from(packed).toString('base64url')

function marked(written: string, mark: string): Uint8Array | undefined {
  if (!written.startsWith(mark)) return undefined
  const rest = written.slice(mark.length)
  return /^[A-Za-z0-9_-]+$/.test(rest) ? new Uint8Array(Buffer.from(rest, 'base64url')) : undefined
}
