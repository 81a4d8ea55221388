/** `starling complete`: what only the agent knows of words that a shell completes; says nothing where there is none. */

import { type ApiClient, ApiError, connectApi } from '../../adapters/api/client.ts'
import { defaultSocket } from '../../config/socket-path.ts'
import { exitCode } from '../exit-code.ts'
import type { Asked } from './grammar.ts'

/** Whoever pressed a key waits for it. */
const patienceMs = 1_000

export async function complete(what: Asked, line: readonly string[]): Promise<number> {
  const words = await wordsFor(what, line, patienceMs)
  if (words.length > 0) console.log(words.join('\n'))
  return exitCode.fine
}

/** `line`: the words so far, which may name another socket. */
export async function wordsFor(
  what: Asked,
  line: readonly string[],
  timeoutMs: number,
): Promise<readonly string[]> {
  try {
    const agent = await connectApi(socketIn(line))
    try {
      const words = await asked[what](agent, timeoutMs)
      return [...new Set(words)].filter(isPlain).slice(0, wordsMax)
    } finally {
      agent.close()
    }
  } catch (thrown) {
    if (thrown instanceof ApiError) return []
    throw thrown
  }
}

type Ask = (agent: ApiClient, timeoutMs: number) => Promise<readonly string[]>

const asked: Readonly<Record<Asked, Ask>> = {
  nodes: async (agent, timeoutMs) => {
    const { peers } = await agent.call('Peers', {}, timeoutMs)
    return peers.filter(({ self }) => !self).map(({ name }) => name)
  },
  announced: async (agent, timeoutMs) =>
    (await agent.call('Status', { wait: false, timeoutMs: 0 }, timeoutMs)).announced,
  places: async (agent, timeoutMs) => {
    const { peers } = await agent.call('Peers', {}, timeoutMs)
    return peers.flatMap(({ name, subnets, announced }) => [name, ...subnets, ...announced])
  },
}

/** Names come from other machines, and go onto the command line of a shell: none may hold what a shell obeys. */
const isPlain = (word: string): boolean => /^[A-Za-z0-9][A-Za-z0-9._:/-]*$/.test(word)

const wordsMax = 5_000

function socketIn(line: readonly string[]): string {
  const at = line.findIndex((word) => word === '--socket' || word.startsWith('--socket='))
  const word = line[at] ?? ''
  const given = word.includes('=') ? word.slice(word.indexOf('=') + 1) : line[at + 1]
  return (at >= 0 && given) || process.env.STARLING_SOCKET || defaultSocket
}
