/** One call as the plugin sends it: its entries, and what the runtime wrote to its stdin. */

export interface Call {
  readonly entries: ReadonlyMap<string, string>
  readonly config: string
}

/** The longest that the plugin sends: 1 MiB of stdin, 256 KiB of entries. */
export const callBytesMax = 1_310_720

/** `KEY=VALUE\0` each, an empty entry, stdin. Undefined: not of that form. */
export function parseCall(body: Uint8Array): Call | undefined {
  const entries = new Map<string, string>()
  const decoder = new TextDecoder()
  for (let from = 0; ; ) {
    const end = body.indexOf(0, from)
    if (end < 0) return undefined
    if (end === from) return { entries, config: decoder.decode(body.subarray(end + 1)) }
    const entry = decoder.decode(body.subarray(from, end))
    const equals = entry.indexOf('=')
    if (equals <= 0) return undefined
    const key = entry.slice(0, equals)
    // As getenv() has it where a variable is there twice.
    if (!entries.has(key)) entries.set(key, entry.slice(equals + 1))
    from = end + 1
  }
}
