/** A process that allocates and releases addresses of an agent over gRPC. */

import { type ChildProcess, spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { compiled } from '../simulations/lab/compiler.ts'

export interface Taken {
  /** Pairs, or addresses that are kept. */
  readonly count: number
  readonly ms: number
  /** Of this client. */
  readonly cpuMs: number
  /** Ms of each call. */
  readonly allocates: readonly number[]
  readonly releases: readonly number[]
}

export const perSecond = ({ count, ms }: Pick<Taken, 'count' | 'ms'>): number => (count / ms) * 1e3

/** Pairs of AllocateIP and ReleaseIP, `window` under way at each moment. */
export const pairs = (socket: string, window: number, ms: number): Promise<Taken> =>
  ended(start(socket, ['pairs', window, ms]))

/** Addresses that stay allocated. */
export const fill = (socket: string, count: number): Promise<Taken> =>
  ended(start(socket, ['fill', 64, count]))

/** So many pairs a second; returns what ends it. */
export function pace(socket: string, rate: number): () => Promise<Taken> {
  const child = start(socket, ['paced', 32, rate])
  const taken = ended(child)
  // Awaited by who ends it; it may fail before.
  taken.catch(() => {})
  return () => {
    child.stdin?.end()
    return taken
  }
}

function start(socket: string, words: readonly (string | number)[]): ChildProcess {
  const program = compiled(new URL('./leases.c', import.meta.url))
  if (program === undefined) throw new Error('there is a compiler where there is an observer')
  return spawn(program, [socket, ...words.map(String)], { stdio: ['pipe', 'pipe', 'inherit'] })
}

async function ended(child: ChildProcess): Promise<Taken> {
  if (!child.stdout) throw new Error('it has a pipe for its output')
  // A client that has failed takes no end of its input.
  child.stdin?.on('error', () => {})
  const lines = (await text(child.stdout)).trim().split('\n')
  const [word, count, ns, cpuNs] = lines[0]?.split(' ') ?? []
  if (word !== 'done') throw new Error('the client of the leases has failed')
  const took = (name: string) =>
    lines.filter((line) => line.startsWith(name)).map((line) => Number(line.slice(2)) / 1e6)
  return {
    count: Number(count),
    ms: Number(ns) / 1e6,
    cpuMs: Number(cpuNs) / 1e6,
    allocates: took('a '),
    releases: took('r '),
  }
}
