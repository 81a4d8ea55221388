/** Which links hung on the bridge when it was deleted: whoever makes it anew hangs them on it again. */

import type { LinkFacts } from './link-message.ts'

/** The kernel lets the ports go first, and tells of it before it tells that the bridge is gone. */
const togetherMs = 1_000

export class BridgePorts {
  readonly #name: string
  readonly #now: () => number
  /** Of the bridge; 0: there is none. */
  #bridge = 0
  readonly #ports = new Set<number>()
  /** When each was let go. */
  readonly #released = new Map<number, number>()
  #orphans = new Set<number>()

  /** `name`: of the bridge. `now`: monotonic, ms. */
  constructor(name: string, now: () => number) {
    this.#name = name
    this.#now = now
  }

  /** All links that there are. */
  read(links: readonly LinkFacts[]): void {
    // A port means nothing before its bridge is known.
    for (const link of links) if (link.name === this.#name) this.observe(link)
    for (const link of links) this.observe(link)
  }

  /** A link as a notification shows it. */
  observe({ ifindex, name, master, removed }: LinkFacts): void {
    if (removed) return this.#remove(ifindex)
    if (name === this.#name) this.#bridge = ifindex
    if (this.#bridge !== 0 && master === this.#bridge) {
      this.#ports.add(ifindex)
      this.#orphans.delete(ifindex)
    } else if (this.#ports.delete(ifindex)) this.#released.set(ifindex, this.#now())
    // Somebody else hung it on another bridge.
    if (master !== 0) this.#orphans.delete(ifindex)
  }

  /** Those that nobody has taken since. */
  get orphans(): readonly number[] {
    return [...this.#orphans]
  }

  #remove(ifindex: number): void {
    this.#ports.delete(ifindex)
    this.#released.delete(ifindex)
    this.#orphans.delete(ifindex)
    if (ifindex !== this.#bridge) return
    const since = this.#now() - togetherMs
    const released = [...this.#released].filter(([, at]) => at >= since).map(([port]) => port)
    this.#orphans = new Set([...this.#ports, ...released])
    this.#bridge = 0
    this.#ports.clear()
    this.#released.clear()
  }
}
