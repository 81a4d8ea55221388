/** What stands inside the state files, as plain values. Decoding throws on what no agent wrote. */

import { recordLimits } from '../../core/claim/record.ts'
import type { OwnState } from '../../core/effect.ts'
import type { Carried } from '../../core/gossip/message.ts'
import type { LinkAddress } from '../../core/routing/route.ts'
import { paperLimits } from '../../core/trust/paper.ts'
import { carriedFrom, decodeEntry, packCarried } from '../../wire/codec.ts'
import {
  bytes,
  canonicalAddress,
  canonicalPrefix,
  fail,
  list,
  map,
  natural,
  text,
} from '../../wire/shape.ts'
import { Verified } from '../../wire/verified.ts'

/** Nodes, tombstones and fences of the largest nodesMax. What is beyond it is neither written nor read: it is a cache. */
export const knownMax = 81_920

/** One per family, on this bridge and on former ones that were not there to be cleared. */
const gatewaysMax = 64
/** Of an interface's name. */
const nameMax = 15

export const packOwn = (own: OwnState): unknown => ({
  entry: own.entry?.envelope ?? null,
  incarnation: own.incarnation,
  announced: own.announced.map((prefix) => prefix.text),
  gateways: own.gateways.map(({ link, address, length }) => [link, address.text, length]),
  certificate: own.certificate ?? null,
  papers: own.papers ?? [],
})

export function ownFrom(contents: unknown): OwnState {
  const fields = map(contents, 'the own state')
  return {
    entry: fields.entry === null ? undefined : entryFrom(fields.entry),
    incarnation: natural(fields.incarnation, 'incarnation'),
    announced: list(fields.announced, recordLimits.extras, 'announced', (text) =>
      canonicalPrefix(text, 'an announced prefix'),
    ),
    gateways: list(fields.gateways ?? [], gatewaysMax, 'gateways', gatewayFrom),
    ...papersFrom(fields),
  }
}

/** Agents of before there were certificates wrote neither. */
function papersFrom({ certificate = null, papers = [] }: Record<string, unknown>): {
  certificate?: Uint8Array
  papers?: readonly Uint8Array[]
} {
  const kept = list(papers, 2 * paperLimits.kept, 'papers', (each) =>
    bytes(each, paperLimits.bytes, 'a paper'),
  )
  return {
    ...(certificate === null
      ? {}
      : { certificate: bytes(certificate, paperLimits.bytes, 'the certificate') }),
    ...(kept.length > 0 ? { papers: kept } : {}),
  }
}

function gatewayFrom(value: unknown): LinkAddress {
  const [link, address, length] = list(value, 3, 'a gateway', (part) => part)
  return {
    link: text(link, nameMax, 'a link'),
    address: canonicalAddress(address, 'a gateway'),
    length: natural(length, 'a prefix length'),
  }
}

export const packKnown = (known: readonly Carried[]): unknown =>
  known.slice(0, knownMax).map(packCarried)

/** Entries that this version cannot read are left out: it is a cache, their origins tell them again. */
export function knownFrom(contents: unknown): Carried[] {
  const verified = new Verified()
  const first = Array.isArray(contents) ? contents.slice(0, knownMax) : contents
  return list(first, knownMax, 'known entries', (item) => carriedFrom(item, verified)).filter(
    (carried) => carried !== undefined,
  )
}

function entryFrom(value: unknown) {
  const decoded = decodeEntry(bytes(value, recordLimits.envelopeBytes, 'the own entry'))
  return decoded.ok ? decoded.value : fail(`the own entry: ${decoded.reason}`)
}
