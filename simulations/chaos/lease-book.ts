/** Leases of one host that come and go all the while, and a book of what its agent answered: that must be true. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { ChaosHost } from './chaos-host.ts'
import type { Line } from './judge/record.ts'

const turnMs = 1_000
const callMs = 3_000
/** Of those that are held at a time. */
const heldMax = 4

export class LeaseBook {
  readonly #host: ChaosHost
  readonly #tell: (line: Line) => void
  /** By id, the address that was answered. */
  readonly #held = new Map<string, string>()
  /** Ids whose end was answered. */
  readonly #ended = new Set<string>()
  #turns = 0
  #isOver = false
  readonly #writing: Promise<void>
  #turn: Promise<void> = Promise.resolve()

  constructor(host: ChaosHost, tell: (line: Line) => void) {
    this.#host = host
    this.#tell = tell
    this.#writing = this.#write()
  }

  /** What was answered before is not true any more, and nobody's fault: another node answers. */
  forget(): void {
    this.#held.clear()
    this.#ended.clear()
  }

  /** Tells what was answered and is not so. */
  async check(atMs: number): Promise<void> {
    // Nothing is under way that the agent knows of and this book does not.
    await this.#turn
    const [held, ended] = [new Map(this.#held), new Set(this.#ended)]
    const { leases } = await this.#host.withApi((api) => api.call('Leases', {}, callMs))
    const wrong = (what: string) => {
      this.#tell({ type: 'lease', host: this.#host.number, atMs, what })
    }
    const known = new Map(leases.map(({ id, address }) => [id, address]))
    for (const [id, address] of held) {
      if (this.#held.get(id) !== address || known.get(id) === address) continue
      wrong(`${id} was granted ${address}, and has ${known.get(id) ?? 'no lease'}`)
    }
    for (const id of ended) if (known.has(id)) wrong(`${id} was released, and has ${known.get(id)}`)
    const addresses = leases.map(({ address }) => address)
    for (const address of addresses) {
      if (addresses.indexOf(address) !== addresses.lastIndexOf(address)) {
        wrong(`${address} is granted twice`)
      }
    }
    this.#ended.clear()
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await this.#writing
  }

  async #write(): Promise<void> {
    while (!this.#isOver) {
      // Whatever fails was not answered, and says nothing.
      this.#turn = this.#oneTurn().catch(() => undefined)
      await this.#turn
      await sleep(turnMs)
    }
  }

  async #oneTurn(): Promise<void> {
    this.#turns += 1
    const id = `book-${this.#turns}`
    await this.#host.withApi(async (api) => {
      const granted = await api.call(
        'AllocateLease',
        { id, name: '', addresses: [], families: [] },
        callMs,
      )
      const address = granted.leases[0]?.address
      if (address) this.#held.set(id, address)
      const [oldest] = this.#held.keys()
      if (oldest === undefined || this.#held.size <= heldMax) return
      // Until its end is answered nobody knows whether it is held.
      this.#held.delete(oldest)
      await api.call('ReleaseLease', { id: oldest, address: '' }, callMs)
      this.#ended.add(oldest)
    })
  }
}
