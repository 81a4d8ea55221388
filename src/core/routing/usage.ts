/** What the kernel would do with a packet for each prefix that is routed, as far as it was asked. */

import { type Address, address } from '../ip/address.ts'
import { holds, type Prefix } from '../ip/prefix.ts'
import { keyText } from './fib-view.ts'
import type { RouteKey, UsageAnswer, UsageQuestion } from './route.ts'

/** Why packets for a prefix do not all take the route that is there for them. */
export type Misuse =
  | { readonly type: 'dead' }
  /** `part`: another route takes all of the addresses that were asked for, or some. */
  | { readonly type: 'shadowed'; readonly by: string; readonly part: 'all' | 'some' }

interface Insider {
  readonly prefix: Prefix
  /** As `ip route` has it. */
  readonly text: string
}

interface UsageSurroundings {
  /** Alien routes that are more specific than a prefix and inside it, as far as they are told of. */
  aliensWithin(prefix: Prefix): Iterable<Insider>
  /** Whether a route of ours, or this host itself, takes the single address. */
  isApart(address: Address): boolean
  /** Where every alien route is told of. */
  isInPools(prefix: Prefix): boolean
}

/** Routes inside one prefix that are asked about one by one; the rest is like them. */
const insidersMax = 4

export class Usage {
  readonly #surroundings: UsageSurroundings
  /** By key and destination: those that the kernel was asked, and what it answered last. */
  readonly #answers = new Map<string, Map<string, UsageAnswer['use'] | undefined>>()
  readonly #due = new Map<string, RouteKey>()

  constructor(surroundings: UsageSurroundings) {
    this.#surroundings = surroundings
  }

  /** It must be asked again; the old answer stands until the new one comes. */
  doubt(key: RouteKey): void {
    this.#due.set(keyText(key), key)
  }

  /** No route is there that could be used. */
  forget(key: RouteKey): void {
    this.#answers.delete(keyText(key))
    this.#due.delete(keyText(key))
  }

  /** What the kernel must be asked; it counts as asked from here on. */
  ask(isThere: (key: RouteKey) => boolean): UsageQuestion[] {
    const questions: UsageQuestion[] = []
    for (const [text, key] of this.#due) {
      if (!isThere(key)) {
        this.#answers.delete(text)
        continue
      }
      const before = this.#answers.get(text)
      const destinations = this.#destinations(key.prefix)
      this.#answers.set(text, new Map(destinations.map((to) => [to.text, before?.get(to.text)])))
      for (const destination of destinations) questions.push({ key, destination })
    }
    this.#due.clear()
    return questions
  }

  /** Whether it says anything else than what was known. */
  answer({ question, use }: UsageAnswer): boolean {
    const answers = this.#answers.get(keyText(question.key))
    const { text } = question.destination
    if (!answers?.has(text)) return false
    const before = answers.get(text)
    answers.set(text, use)
    return before === undefined || useText(before) !== useText(use)
  }

  /** Whether the kernel has said what it does with it. */
  isKnown(key: RouteKey): boolean {
    const answers = this.#answers.get(keyText(key))
    return answers !== undefined && ![...answers.values()].includes(undefined)
  }

  misuse(key: RouteKey): Misuse | undefined {
    const answers = [...(this.#answers.get(keyText(key)) ?? [])]
    if (answers.some(([, use]) => use?.type === 'dead')) return { type: 'dead' }
    const taken = answers.filter(([, use]) => use?.type === 'other' || use?.type === 'none')
    const [first] = taken
    if (!first) return undefined
    const part = taken.length === answers.length ? 'all' : 'some'
    return { type: 'shadowed', by: this.#byOf(key.prefix, first), part }
  }

  /** Addresses that nothing known takes away, then one of each alien route inside. */
  #destinations(prefix: Prefix): Address[] {
    const { aliensWithin, isApart, isInPools } = this.#surroundings
    const insiders: Prefix[] = []
    for (const alien of aliensWithin(prefix)) {
      if (insiders.length >= insidersMax) break
      insiders.push(alien.prefix)
    }
    const found: Address[] = []
    for (const sample of samplesOf(prefix)) {
      if (insiders.some((inside) => holds(inside, sample))) continue
      if (prefix.first !== prefix.last && isApart(sample)) continue
      found.push(sample)
      // Outside the pools nobody tells of the routes inside a prefix: they are looked for here and there.
      if (isInPools(prefix)) break
    }
    if (found.length === 0) found.push(firstSample(prefix))
    for (const inside of insiders) {
      const destination = firstSample(inside)
      if (!found.some(({ text }) => text === destination.text)) found.push(destination)
    }
    return found
  }

  /** A route that says no is not named by the kernel's answer, but it is known here. */
  #byOf(prefix: Prefix, [destination, use]: [string, UsageAnswer['use'] | undefined]): string {
    if (use?.type === 'other') return use.route
    for (const alien of this.#surroundings.aliensWithin(prefix)) {
      if (firstSample(alien.prefix).text === destination) return alien.text
    }
    return `no route (${use?.type === 'none' ? use.error : ''})`
  }
}

/** Addresses to ask for: the first that a host may have, and others far from it. */
function* samplesOf(prefix: Prefix): Generator<Address> {
  const { family, first, last } = prefix
  yield firstSample(prefix)
  if (last - first < 2n) return
  const half = first + (last - first) / 2n
  for (const value of [last - 1n, half, first + (half - first) / 2n, half + (last - half) / 2n]) {
    yield address(family, value)
  }
}

const firstSample = ({ family, first, last }: Prefix): Address =>
  address(family, last - first < 2n ? first : first + 1n)

const useText = (use: UsageAnswer['use']): string =>
  use.type === 'other' ? use.route : use.type === 'none' ? `none ${use.error}` : use.type
