/** Whether a way through the network is there, by one TCP connection that is closed at once. */

import { lookup } from 'node:dns/promises'
import { connect } from 'node:net'
import { codeOf } from './fact.ts'

export interface Target {
  readonly host: string
  readonly port: number
  /** The address to ask from; undefined: the kernel's choice. */
  readonly from?: string
}

export interface Answer {
  /**
   * `answered`: connected; `refused`: the host answers, and nobody listens there; `unreachable`: a route or a host on the way
   * says so; `silent`: nothing came back in time; `no-source`: this host does not have the address to ask from.
   */
  readonly outcome: 'answered' | 'refused' | 'unreachable' | 'silent' | 'no-source'
  /** The system's own word where there is one. */
  readonly error: string
  readonly ms: number
}

export function probe({ host, port, from }: Target, withinMs: number): Promise<Answer> {
  return new Promise((resolve) => {
    const begun = performance.now()
    const socket = connect({ host, port, ...(from !== undefined && { localAddress: from }) })
    const end = (outcome: Answer['outcome'], error = ''): void => {
      clearTimeout(timer)
      socket.on('error', () => {})
      // A reset: nothing of the connection remains on either side. One that is being made would be waited for.
      if (outcome === 'answered') socket.resetAndDestroy()
      else socket.destroy()
      resolve({ outcome, error, ms: performance.now() - begun })
    }
    const timer = setTimeout(() => end('silent'), withinMs)
    socket.once('connect', () => end('answered'))
    socket.once('error', (error) => {
      const code = codeOf(error)
      end(outcomes.get(code) ?? 'unreachable', code)
    })
  })
}

const outcomes: ReadonlyMap<string, Answer['outcome']> = new Map([
  ['ECONNREFUSED', 'refused'],
  ['ECONNRESET', 'refused'],
  ['ETIMEDOUT', 'silent'],
  ['EADDRNOTAVAIL', 'no-source'],
])

/** The addresses of a name, at most so many; empty: it has none, or nobody says so in time. */
export async function resolveName(name: string, most: number): Promise<readonly string[]> {
  const none = new Promise<[]>((resolve) => setTimeout(resolve, nameMs, []).unref())
  const found = lookup(name, { all: true }).then(
    (all) => all.map(({ address }) => address).slice(0, most),
    () => [],
  )
  return Promise.race([found, none])
}

const nameMs = 5_000

/** `each` for all of `items`, at most `width` at a time, begun no later than `withinMs` from now: undefined where it was not. */
export async function inTurns<Item, Result>(
  items: readonly Item[],
  { width, withinMs }: { readonly width: number; readonly withinMs: number },
  each: (item: Item) => Promise<Result>,
): Promise<(Result | undefined)[]> {
  const results: (Result | undefined)[] = items.map(() => undefined)
  const until = performance.now() + withinMs
  let next = 0
  const work = async (): Promise<void> => {
    while (next < items.length && performance.now() < until) {
      const index = next
      next += 1
      results[index] = await each(items[index] as Item)
    }
  }
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, work))
  return results
}
