/** Changes to well-formed values and bytes, by a seeded generator: most inputs stay nearly right, which is what finds faults. */

export class Chance {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** Mulberry32: 0 to below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  below(bound: number): number {
    return Math.floor(this.next() * bound)
  }

  of<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T
  }
}

const strange: readonly unknown[] = [
  ...[null, true, false, 0, -0, -1, 1.5, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 2 ** 53, 2n ** 63n],
  ...[Number.NaN, Number.POSITIVE_INFINITY, new Date(0), new Set([1]), /x/, new Error('x')],
  ...['', ' ', '0', 'x'.repeat(300), '\u0000', '\u001b[2J', '\u202e', '\ud800', '__proto__'],
  ...['0.0.0.0/0', '::/0', '10.0.0.0/8', '10.0.0.1/8', '1.2.3.4', '01.2.3.4', 'fe80::1%eth0'],
  ...['::ffff:10.0.0.1', '999.1.1.1', '/ip4/10.0.0.1/tcp/1', '/dns4/x/tcp/1'],
  ...[[], [[]], {}, { __proto__: null }, { constructor: 1 }, new Uint8Array(), new Uint8Array(70)],
]

/** A few changes somewhere inside `value`, which stays as it is. */
export function mutateValue(value: unknown, chance: Chance): unknown {
  let changed = value
  for (let count = 1 + chance.below(3); count > 0; count -= 1) changed = changeOnce(changed, chance)
  return changed
}

/** A few changes to bytes, which stay as they are. */
export function mutateBytes(bytes: Uint8Array, chance: Chance): Uint8Array {
  let changed = new Uint8Array(bytes)
  for (let count = 1 + chance.below(4); count > 0; count -= 1)
    changed = changeBytes(changed, chance)
  return changed
}

function changeOnce(value: unknown, chance: Chance): unknown {
  // Down into what can be descended into, most of the time.
  if (Array.isArray(value) && value.length > 0 && chance.next() < 0.75) {
    const at = chance.below(value.length)
    return value.map((item, index) => (index === at ? changeOnce(item, chance) : item))
  }
  if (isMap(value) && chance.next() < 0.8) {
    const keys = Object.keys(value)
    const key = chance.of(keys)
    if (key !== undefined) return { ...value, [key]: changeOnce(value[key], chance) }
  }
  return replaced(value, chance)
}

function replaced(value: unknown, chance: Chance): unknown {
  if (Array.isArray(value)) {
    switch (chance.below(5)) {
      case 0:
        return value.slice(1)
      case 1:
        return [...value, ...value]
      case 2:
        return [...value, chance.of(strange)]
      case 3:
        return Array.from({ length: chance.below(1_000) }, () => value[0])
      default:
        return chance.of(strange)
    }
  }
  if (isMap(value)) {
    const entries = Object.entries(value)
    return chance.next() < 0.7
      ? Object.fromEntries(entries.filter(() => chance.next() < 0.8))
      : chance.of(strange)
  }
  if (typeof value === 'string' && chance.next() < 0.6) return changeText(value, chance)
  if (typeof value === 'number' && chance.next() < 0.5) return value + chance.of([1, -1, 0.5, 1e9])
  if (value instanceof Uint8Array && chance.next() < 0.8) return changeBytes(value, chance)
  return chance.of(strange)
}

function changeText(text: string, chance: Chance): string {
  const at = chance.below(text.length + 1)
  const inserted = chance.of(['', '0', '/', '.', ':', '%', '\u0000', '\u200b', '99', 'é', ' '])
  return text.slice(0, at) + inserted + text.slice(at + chance.below(3))
}

function changeBytes(bytes: Uint8Array, chance: Chance): Uint8Array<ArrayBuffer> {
  const at = chance.below(bytes.length + 1)
  const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)]
  switch (chance.below(5)) {
    case 0:
      return new Uint8Array(head)
    case 1:
      return joined(head, Uint8Array.of(chance.below(256)), tail)
    case 2:
      return joined(head, tail.subarray(1 + chance.below(4)))
    case 3:
      return joined(head, head.subarray(0, 64), tail)
    default: {
      const copy = new Uint8Array(bytes)
      if (at < copy.length)
        copy[at] = chance.of([0, 0xff, 0x80, 0xc1, 0xdd, 0x7f, chance.below(256)])
      return copy
    }
  }
}

function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
