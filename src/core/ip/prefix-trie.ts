/** A map keyed by prefix that answers what covers a prefix and what a prefix covers: a path-compressed binary trie. */

import { bitsOf, type Family } from './address.ts'
import { contains, type Prefix, prefix } from './prefix.ts'

interface Node<V> {
  readonly prefix: Prefix
  /** Undefined in a node that only branches. */
  value: V | undefined
  zero: Node<V> | undefined
  one: Node<V> | undefined
}

export class PrefixTrie<V> {
  readonly #roots = new Map<Family, Node<V>>()

  get(key: Prefix): V | undefined {
    let node = this.#roots.get(key.family)
    while (node && contains(node.prefix, key)) {
      if (node.prefix.length === key.length) return node.value
      node = bitAt(key, node.prefix.length) ? node.one : node.zero
    }
    return undefined
  }

  set(key: Prefix, value: V): void {
    const inserted = insert(this.#roots.get(key.family), key, value)
    this.#roots.set(key.family, inserted)
  }

  delete(key: Prefix): void {
    const root = this.#roots.get(key.family)
    if (!root) return
    const rest = remove(root, key)
    if (rest) this.#roots.set(key.family, rest)
    else this.#roots.delete(key.family)
  }

  /** Values of all keys that contain `key`, itself included, shortest first. */
  *covering(key: Prefix): Generator<V> {
    yield* this.#above(key)
    const own = this.get(key)
    if (own !== undefined) yield own
  }

  /** Values of all keys inside `key`, itself included, in ascending order. */
  *covered(key: Prefix): Generator<V> {
    let node = this.#roots.get(key.family)
    while (node && !contains(key, node.prefix)) {
      if (!contains(node.prefix, key)) return
      node = bitAt(key, node.prefix.length) ? node.one : node.zero
    }
    if (node) yield* valuesOf(node)
  }

  /** Values of all keys that share an address with `key`. */
  *overlapping(key: Prefix): Generator<V> {
    yield* this.#above(key)
    yield* this.covered(key)
  }

  overlaps(key: Prefix): boolean {
    return !this.overlapping(key).next().done
  }

  /** In ascending order, whatever the order they came in. */
  *values(): Generator<V> {
    for (const family of [4, 6] as const) {
      const root = this.#roots.get(family)
      if (root) yield* valuesOf(root)
    }
  }

  /** Values of all keys that contain `key` and more. */
  *#above(key: Prefix): Generator<V> {
    let node = this.#roots.get(key.family)
    while (node && node.prefix.length < key.length && contains(node.prefix, key)) {
      if (node.value !== undefined) yield node.value
      node = bitAt(key, node.prefix.length) ? node.one : node.zero
    }
  }
}

function* valuesOf<V>(node: Node<V>): Generator<V> {
  if (node.value !== undefined) yield node.value
  if (node.zero) yield* valuesOf(node.zero)
  if (node.one) yield* valuesOf(node.one)
}

function insert<V>(node: Node<V> | undefined, key: Prefix, value: V): Node<V> {
  if (!node) return leaf(key, value)
  const shared = sharedLength(node.prefix, key)
  if (shared < node.prefix.length) return split({ node, key, value, shared })
  if (key.length === node.prefix.length) {
    node.value = value
    return node
  }
  if (bitAt(key, shared)) node.one = insert(node.one, key, value)
  else node.zero = insert(node.zero, key, value)
  return node
}

/** `node` diverges from `key` below `shared` bits: a branch goes above both. */
function split<V>(at: { node: Node<V>; key: Prefix; value: V; shared: number }): Node<V> {
  const { node, key, value, shared } = at
  const above: Node<V> = {
    prefix: prefix(key.family, key.first, shared),
    value: shared === key.length ? value : undefined,
    zero: undefined,
    one: undefined,
  }
  if (bitAt(node.prefix, shared)) above.one = node
  else above.zero = node
  if (shared === key.length) return above
  if (bitAt(key, shared)) above.one = leaf(key, value)
  else above.zero = leaf(key, value)
  return above
}

function remove<V>(node: Node<V>, key: Prefix): Node<V> | undefined {
  if (!contains(node.prefix, key)) return node
  if (node.prefix.length === key.length) node.value = undefined
  else if (bitAt(key, node.prefix.length)) node.one = node.one && remove(node.one, key)
  else node.zero = node.zero && remove(node.zero, key)
  if (node.value !== undefined || (node.zero && node.one)) return node
  return node.zero ?? node.one
}

const leaf = <V>(key: Prefix, value: V): Node<V> => ({
  prefix: key,
  value,
  zero: undefined,
  one: undefined,
})

function bitAt(key: Prefix, index: number): boolean {
  const shift = bitsOf(key.family) - 1 - index
  // Shifting a 32-bit value as a number spares a bigint allocation per step.
  if (key.family === 4) return ((Number(key.first) >>> shift) & 1) === 1
  return ((key.first >> BigInt(shift)) & 1n) === 1n
}

function sharedLength(a: Prefix, b: Prefix): number {
  const most = Math.min(a.length, b.length)
  const difference = a.first ^ b.first
  if (difference === 0n) return most
  return Math.min(most, bitsOf(a.family) - bitLength(difference))
}

function bitLength(value: bigint): number {
  let rest = value
  let words = 0
  while (rest > 0xffffffffn) {
    rest >>= 32n
    words += 32
  }
  return words + 32 - Math.clz32(Number(rest))
}
