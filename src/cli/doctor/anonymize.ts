/** Replaces names and addresses by others, the same one by the same one, so that a reader sees what belongs together. */

import { createHmac } from 'node:crypto'
import { type Address, address, bitsOf, type Family, parseAddress } from '../../core/ip/address.ts'
import { holds, type Prefix, parsePrefix } from '../../core/ip/prefix.ts'

export type Anonymize = (text: string) => string

/** `names` by what they are called in its place: `node` makes `node1`, `node2`. `key`: to be forgotten afterwards. */
export function anonymizer(
  names: readonly { readonly name: string; readonly kind: string }[],
  key: Uint8Array,
): Anonymize {
  const labels = new Labels()
  for (const { name, kind } of names) labels.learn(name, kind)
  const mapped = prefixPreserving(key)
  return (text) =>
    text
      .replace(peerId, (id) => labels.of(id, 'peer'))
      .replace(comment, (_, flag) => `${flag} "..."`)
      .replace(nameWithMac, (name) => labels.of(name, 'interface'))
      .replace(macAddress, (mac) => labels.ofMac(mac))
      .replace(word, (found) => labels.replaced(found))
      .replace(v4, (found, length) => mapped(found, length))
      .replace(v6, (found, length) => mapped(found, length))
}

const peerId = /12D3KooW[1-9A-HJ-NP-Za-km-z]{44}/g
const macAddress = /(?<![0-9a-f:])(?:[0-9a-f]{2}:){5}[0-9a-f]{2}(?![0-9a-f:])/gi
const nameWithMac = /(?<![A-Za-z0-9])enx[0-9a-f]{12}(?![A-Za-z0-9])/g
/** Of rules of a firewall: others write names of services there. */
const comment = /(?<=\s)(--comment|comment) (?:"[^"]*"|(?!starling|--)\S+)/g
/** What a name is made of, or an address of IPv4. */
const word = /[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?/g
const v4 = /(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?:\/(\d{1,2}))?(?!\.?\d)/g
const v6 = /(?<![\w:.])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?:\/(\d{1,3}))?(?![\w:])/gi

/** Words that are nobody's name, though somebody may use them as one: without them no text could be read. */
const common = new Set(['starling', 'starling0', 'default', 'localhost', 'pods', 'eth0', 'lo'])

class Labels {
  readonly #labels = new Map<string, string>()
  readonly #counts = new Map<string, number>()

  learn(name: string, kind: string): void {
    for (const part of name.match(word) ?? []) {
      // Addresses are mapped as such.
      if (!common.has(part) && !parseAddress(part)) this.of(part, kind)
    }
  }

  of(name: string, kind: string): string {
    const earlier = this.#labels.get(name)
    if (earlier !== undefined) return earlier
    const count = (this.#counts.get(kind) ?? 0) + 1
    this.#counts.set(kind, count)
    const label = `${kind}${count}`
    this.#labels.set(name, label)
    return label
  }

  /** Locally administered ones in place of all that are of one machine. */
  ofMac(mac: string): string {
    if (/^(00:00:00:00:00:00|ff:ff:ff:ff:ff:ff|33:33|01:00:5e)/i.test(mac)) return mac
    const number = Number(this.of(mac.toLowerCase(), 'mac').slice('mac'.length))
    const hex = number.toString(16).padStart(6, '0')
    return `02:00:00:${hex.slice(0, 2)}:${hex.slice(2, 4)}:${hex.slice(4)}`
  }

  /** Names in a word: the whole of it, or as much of it as one of them is. */
  replaced(found: string): string {
    const whole = this.#labels.get(found)
    if (whole !== undefined) return whole
    const parts = found.split(/([._-]+)/)
    const out: string[] = []
    for (let at = 0; at < parts.length; ) {
      let end = parts.length
      while (end > at + 1 && !this.#labels.has(parts.slice(at, end).join(''))) end -= 1
      const part = parts.slice(at, end).join('')
      out.push(this.#labels.get(part) ?? part)
      at = end
    }
    return out.join('')
  }
}

/** Blocks that say what an address is for: these stay as they are. */
const whole = ['0.0.0.0/8', '127.0.0.0/8', '224.0.0.0/3', '::/127', 'ff00::/8'].map(block)

/** Blocks whose addresses stay inside them, so that a private one stays private. */
const starts = [
  ...['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '169.254.0.0/16'],
  ...['fc00::/7', 'fe80::/64'],
].map(block)

function block(text: string): Prefix {
  const parsed = parsePrefix(text)
  if (!parsed) throw new TypeError(`no prefix: ${text}`)
  return parsed
}

/** Bits at the end that stay: gateways and broadcast addresses look like what they are. */
const keptBits = 8

/**
 * After Crypto-PAn: each bit is flipped or not by what a keyed hash says of the bits before it. Two addresses that share
 * their first n bits share the first n bits of what they become, and no more.
 */
function prefixPreserving(key: Uint8Array): (text: string, length: string | undefined) => string {
  const flips = new Map<string, bigint>()
  const isFlipped = (before: string, family: Family): bigint => {
    const known = flips.get(`${family}${before}`)
    if (known !== undefined) return known
    const isOnWay = starts.some(
      (start) =>
        start.family === family &&
        before.length < start.length &&
        bitsText(start.first, family).startsWith(before),
    )
    const hash = createHmac('sha256', key).update(`${family}${before}`).digest()
    const flip = isOnWay ? 0n : BigInt((hash[0] ?? 0) & 1)
    flips.set(`${family}${before}`, flip)
    return flip
  }
  const replaced = ({ family, value }: Address, bits: number): Address => {
    const text = bitsText(value, family)
    let mask = 0n
    for (let at = 0; at < bits; at += 1) {
      mask |= isFlipped(text.slice(0, at), family) << BigInt(bitsOf(family) - 1 - at)
    }
    return address(family, value ^ mask)
  }
  return (found, lengthText) => {
    const parsed = parseAddress(found.split('/')[0] ?? '')
    if (!parsed || whole.some((kept) => holds(kept, parsed))) return found
    const most = bitsOf(parsed.family) - keptBits
    // The bits of a network that are no part of its name stay zero.
    const isNetwork = lengthText !== undefined && parsePrefix(found) !== undefined
    const bits = isNetwork ? Math.min(most, Number(lengthText)) : most
    const { text } = replaced(parsed, bits)
    return lengthText === undefined ? text : `${text}/${lengthText}`
  }
}

const bitsText = (value: bigint, family: Family): string =>
  value.toString(2).padStart(bitsOf(family), '0')
