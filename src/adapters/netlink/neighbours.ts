/** Whether anybody on this host's links answers for an address: asked by a packet, told by the kernel's neighbour table. */

import { createSocket, type Socket } from 'node:dgram'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Address } from '../../core/ip/address.ts'
import type { NeighbourQuestion } from '../../core/routing/route.ts'
import type { Reader } from './reader.ts'

/** The kernel believes an old entry for five seconds after it was used, and then asks three times. */
const patienceMs = 12_000
const everyMs = 1_000
/** Discard: whoever lives there has the packet dropped, and its kernel has answered before that. */
const port = 9

/** Those for which nobody answers. Where it cannot be asked, somebody may. */
export async function probeNeighbours(
  questions: readonly NeighbourQuestion[],
  reader: Reader,
): Promise<readonly Address[]> {
  const sockets = new Map<string, Socket>()
  try {
    for (const { from } of questions) {
      if (!sockets.has(from.text)) sockets.set(from.text, await bound(from))
    }
    return await ask(questions, reader, ({ address, from }) =>
      provoke(sockets.get(from.text), address),
    )
  } catch {
    // The gateway's address is not there: nothing can be asked, and so nobody is known to be silent.
    return []
  } finally {
    for (const socket of sockets.values()) socket.close()
  }
}

async function ask(
  questions: readonly NeighbourQuestion[],
  reader: Reader,
  provokeFor: (question: NeighbourQuestion) => Promise<void>,
): Promise<Address[]> {
  const silent: Address[] = []
  let open = [...questions]
  for (let waitedMs = 0; open.length > 0 && waitedMs < patienceMs; waitedMs += everyMs) {
    await Promise.all(open.map(provokeFor))
    await sleep(everyMs)
    const table = await reader.neighbours()
    open = open.filter(({ address }) => {
      const verdict = table.judge(address)
      if (verdict === 'silent') silent.push(address)
      return verdict === 'open'
    })
  }
  return silent
}

function bound({ family, text }: Address): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(family === 4 ? 'udp4' : 'udp6')
    socket.once('error', reject)
    socket.bind({ address: text }, () => {
      socket.off('error', reject)
      // That nobody is there is what it is for.
      socket.on('error', () => {})
      resolve(socket)
    })
  })
}

function provoke(socket: Socket | undefined, { text }: Address): Promise<void> {
  return new Promise((resolve) => {
    if (!socket) return resolve()
    socket.send(Buffer.alloc(1), port, text, () => resolve())
  })
}
