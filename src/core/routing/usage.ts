/** What the kernel would do with a packet for each prefix that is routed, as far as it was asked. */

import { type Address, address } from '../ip/address.ts'
import { holds, type Prefix } from '../ip/prefix.ts'
import { keyText } from './fib-view.ts'
import type { RouteKey, UsageAnswer, UsageQuestion } from './route.ts'

/** Why packets for a prefix do not all take the route that is there for them. */
export type Misuse =
  | { readonly type: 'dead' }
  /** `part`: another route takes only what is inside it, or all that was asked for. */
  | { readonly type: 'shadowed'; readonly by: string; readonly part: 'all' | 'some' }

interface Insider {
  readonly prefix: Prefix
  /** As `ip route` has it. */
  readonly text: string
}

/** Routes inside one prefix that are asked about one by one; the rest is like them. */
const insidersMax = 4

export class Usage {
  readonly #aliensWithin: (prefix: Prefix) => Iterable<Insider>
  /** By key and destination: those that the kernel was asked, and what it answered last. */
  readonly #answers = new Map<string, Map<string, UsageAnswer['use'] | undefined>>()
  readonly #due = new Map<string, RouteKey>()

  /** Alien routes that are more specific than a prefix and inside it. */
  constructor(aliensWithin: (prefix: Prefix) => Iterable<Insider>) {
    this.#aliensWithin = aliensWithin
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
    const [general, ...insiders] = [...(this.#answers.get(keyText(key)) ?? [])]
    if (!general) return undefined
    const [, use] = general
    if (use?.type === 'dead') return { type: 'dead' }
    if (use?.type === 'other' || use?.type === 'none') {
      return { type: 'shadowed', by: this.#byOf(key.prefix, general), part: 'all' }
    }
    const taken = insiders.find(([, answer]) => answer?.type === 'other' || answer?.type === 'none')
    return taken && { type: 'shadowed', by: this.#byOf(key.prefix, taken), part: 'some' }
  }

  /** An address that nothing known takes away, then one of each alien route inside. */
  #destinations(prefix: Prefix): Address[] {
    const insiders: Prefix[] = []
    for (const alien of this.#aliensWithin(prefix)) {
      if (insiders.length >= insidersMax) break
      insiders.push(alien.prefix)
    }
    const candidates = sampleOffsets(prefix).map((value) => address(prefix.family, value))
    const general =
      candidates.find((one) => !insiders.some((inside) => holds(inside, one))) ?? candidates[0]
    const found = general ? [general] : []
    for (const inside of insiders) {
      const [value = inside.first] = sampleOffsets(inside)
      const destination = address(inside.family, value)
      if (!found.some(({ text }) => text === destination.text)) found.push(destination)
    }
    return found
  }

  /** A route that says no is not named by the kernel's answer, but it is known here. */
  #byOf(prefix: Prefix, [destination, use]: [string, UsageAnswer['use'] | undefined]): string {
    if (use?.type === 'other') return use.route
    for (const alien of this.#aliensWithin(prefix)) {
      const [value = alien.prefix.first] = sampleOffsets(alien.prefix)
      if (address(prefix.family, value).text === destination) return alien.text
    }
    return `no route (${use?.type === 'none' ? use.error : ''})`
  }
}

/** Numbers of addresses to ask for: the first that a host may have, and others far from it. */
function sampleOffsets({ first, last }: Prefix): bigint[] {
  if (last - first < 2n) return [first]
  const half = first + (last - first) / 2n
  return [first + 1n, last - 1n, half, first + (half - first) / 2n, half + (last - half) / 2n]
}

const useText = (use: UsageAnswer['use']): string =>
  use.type === 'other' ? use.route : use.type === 'none' ? `none ${use.error}` : use.type
