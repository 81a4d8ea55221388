/** What an agent says and reads in multicast DNS packets. */

import { type Answer, AUTHORITATIVE_ANSWER, decode, encode } from 'dns-packet'

/** How long word of a node counts. Longer than two of the longest pauses between two questions. */
export const ttlMs = 300_000

/** What one packet says that concerns this cluster. */
export interface Heard {
  /** Somebody asks for all names of this cluster that this node has. */
  readonly asks: boolean
  /** Whoever sent it: the instance, its TCP port, and how long to remember it. 0: it is leaving. */
  readonly says:
    | { readonly instance: string; readonly port: number; readonly forMs: number }
    | undefined
}

export const question = (names: readonly string[]): Uint8Array =>
  encode({ type: 'query', questions: names.map((name) => ({ type: 'PTR', name })) })

/** Without addresses: what counts is where it comes from. */
export function answer(
  names: readonly string[],
  { instance, port, forMs }: NonNullable<Heard['says']>,
): Uint8Array {
  const ttl = Math.round(forMs / 1_000)
  const [host] = instance.split('.')
  const answers: Answer[] = [
    ...names.map((name) => ({ type: 'PTR', name, ttl, data: instance }) as const),
    { type: 'SRV', name: instance, ttl, data: { port, target: `${host}.local` } },
  ]
  return encode({ type: 'response', flags: AUTHORITATIVE_ANSWER, answers })
}

/** As many as agents send, and more. The decoder makes room for as many as a header claims: a quarter of a million. */
const recordsMax = 16
/** Of a header, which ends with the numbers of records of four kinds. */
const headerBytes = 12

/** Undefined where it is malformed, or of nobody of this cluster. */
export function read(packet: Uint8Array, names: readonly string[]): Heard | undefined {
  const bytes = Buffer.from(packet.buffer, packet.byteOffset, packet.byteLength)
  // Most of what is said on a LAN is not for us: the label, which nothing shortens, tells it sooner than the decoder.
  if (!names.some((name) => bytes.includes(name.slice(0, name.indexOf('.'))))) return undefined
  if (bytes.length < headerBytes) return undefined
  const records = [4, 6, 8, 10].reduce((sum, offset) => sum + bytes.readUInt16BE(offset), 0)
  if (records > recordsMax) return undefined
  try {
    const { type, questions = [], answers = [] } = decode(bytes)
    if (type === 'query') {
      const asked = questions.filter((each) => each.type === 'PTR').map(({ name }) => name)
      return asked.some((name) => names.includes(name))
        ? { asks: names.every((name) => asked.includes(name)), says: undefined }
        : undefined
    }
    const pointer = answers.find((each) => each.type === 'PTR' && names.includes(each.name))
    const instance = pointer?.type === 'PTR' ? pointer.data : ''
    const place = answers.find((each) => each.type === 'SRV' && each.name === instance)
    if (place?.type !== 'SRV' || place.data.port === 0) return undefined
    const forMs = Math.min((place.ttl ?? 0) * 1_000, ttlMs)
    return { asks: false, says: { instance, port: place.data.port, forMs } }
  } catch {
    // Whatever else is on the LAN may say what it likes.
    return undefined
  }
}
