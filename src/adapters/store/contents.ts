/** What stands inside the state files, as plain values. Decoding throws on what no agent wrote. */

import { recordLimits } from '../../core/claim/record.ts'
import type { OwnState } from '../../core/effect.ts'
import type { Carried } from '../../core/gossip/message.ts'
import { carriedFrom, decodeEntry, packCarried } from '../../wire/codec.ts'
import { bytes, canonicalPrefix, fail, list, map, natural } from '../../wire/shape.ts'
import { Verified } from '../../wire/verified.ts'

/** More nodes than a cluster can have; a longer list is no cache of ours. */
const knownMax = 65_536

export const packOwn = (own: OwnState): unknown => ({
  entry: own.entry?.envelope ?? null,
  incarnation: own.incarnation,
  announced: own.announced.map((prefix) => prefix.text),
})

export function ownFrom(contents: unknown): OwnState {
  const fields = map(contents, 'the own state')
  return {
    entry: fields.entry === null ? undefined : entryFrom(fields.entry),
    incarnation: natural(fields.incarnation, 'incarnation'),
    announced: list(fields.announced, recordLimits.extras, 'announced', (text) =>
      canonicalPrefix(text, 'an announced prefix'),
    ),
  }
}

export const packKnown = (known: readonly Carried[]): unknown => known.map(packCarried)

/** Entries that this version cannot read are left out: it is a cache, their origins tell them again. */
export function knownFrom(contents: unknown): Carried[] {
  const verified = new Verified()
  return list(contents, knownMax, 'known entries', (item) => carriedFrom(item, verified)).filter(
    (carried) => carried !== undefined,
  )
}

function entryFrom(value: unknown) {
  const decoded = decodeEntry(bytes(value, recordLimits.envelopeBytes, 'the own entry'))
  return decoded.ok ? decoded.value : fail(`the own entry: ${decoded.reason}`)
}
