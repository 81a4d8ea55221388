/** The frame round each state file: whose it is, which format, and whether it is whole. */

import { crc32 } from 'node:zlib'
import type { NodeId } from '../../core/claim/record.ts'
import { pack, unpack } from '../../wire/packing.ts'

/** `own` and `known` are the files of these names. */
export type FileKind = 'own' | 'known'

export type Unframed =
  | { readonly ok: true; readonly contents: unknown }
  | {
      readonly ok: false
      readonly code: 'damaged' | 'newer-version' | 'foreign-key'
      /** Why it is damaged, the version, or the owner. */
      readonly fact: string
    }

// Every format version begins so, and its checksum covers all that stands before and behind it:
// that is how an older agent tells a newer file from a damaged one.
//   8 bytes magic | 4 bytes version | 4 bytes CRC-32 | msgpack [kind, owner, contents]
const magic = Buffer.from('starling')
const version = 1
const versionAt = magic.length
const checksumAt = versionAt + 4
const bodyAt = checksumAt + 4

export function frame(file: {
  readonly kind: FileKind
  readonly owner: NodeId
  readonly contents: unknown
}): Uint8Array {
  const body = pack([file.kind, file.owner, file.contents])
  const framed = Buffer.alloc(bodyAt + body.length)
  magic.copy(framed)
  framed.writeUInt32BE(version, versionAt)
  framed.set(body, bodyAt)
  framed.writeUInt32BE(checksum(framed), checksumAt)
  return framed
}

export function unframe(
  bytes: Buffer,
  expected: { readonly kind: FileKind; readonly owner: NodeId },
): Unframed {
  if (bytes.length < bodyAt) return damaged('too short')
  if (!bytes.subarray(0, versionAt).equals(magic)) return damaged('not a starling file')
  if (bytes.readUInt32BE(checksumAt) !== checksum(bytes)) return damaged('checksum')
  const found = bytes.readUInt32BE(versionAt)
  if (found > version) return { ok: false, code: 'newer-version', fact: `format ${found}` }
  return unpackBody(bytes.subarray(bodyAt), expected)
}

function unpackBody(
  body: Uint8Array,
  expected: { readonly kind: FileKind; readonly owner: NodeId },
): Unframed {
  const fields = unpackQuietly(body)
  if (!Array.isArray(fields) || fields.length < 3) return damaged('contents')
  const [kind, owner, contents] = fields as unknown[]
  if (kind !== expected.kind) return damaged(`it is a file of another kind, ${String(kind)}`)
  return owner === expected.owner
    ? { ok: true, contents }
    : { ok: false, code: 'foreign-key', fact: String(owner) }
}

function unpackQuietly(body: Uint8Array): unknown {
  try {
    return unpack(body)
  } catch {
    // msgpackr throws on malformed input; the caller's check of the shape reports it.
    return undefined
  }
}

const checksum = (framed: Buffer): number =>
  crc32(framed.subarray(bodyAt), crc32(framed.subarray(0, checksumAt)))

const damaged = (fact: string): Unframed => ({ ok: false, code: 'damaged', fact })
