/** msgpack as it goes over the wire and into files: plain maps, no shared structures between messages. */

import { Packr } from 'msgpackr'

const packr = new Packr({ useRecords: false })

// A copy: msgpackr packs into a buffer that it shares between calls.
export const pack = (value: unknown): Uint8Array => new Uint8Array(packr.pack(value))

/** Throws whatever msgpackr throws on malformed input. Binary fields are views of `packed`. */
export const unpack = (packed: Uint8Array): unknown => packr.unpack(packed)
