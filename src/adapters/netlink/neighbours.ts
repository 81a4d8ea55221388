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
  const desks = await openDesks(questions, reader)
  const askable = questions.flatMap(({ address, from }): Asked[] => {
    const desk = desks.get(from.text)
    return desk ? [{ ...desk, address }] : []
  })
  try {
    return await ask(askable, reader)
  } finally {
    for (const { socket } of desks.values()) socket.close()
  }
}

/** From where it is asked. */
interface Desk {
  readonly socket: Socket
  /** Of the link that has the address which is asked from. */
  readonly ifindex: number
}

interface Asked extends Desk {
  readonly address: Address
}

/** By the text of the address; none where it is on no link, or not in use yet. */
async function openDesks(
  questions: readonly NeighbourQuestion[],
  reader: Reader,
): Promise<ReadonlyMap<string, Desk>> {
  const desks = new Map<string, Desk>()
  const links = new Map(
    (await reader.addresses()).map(({ address, ifindex }) => [address.text, ifindex]),
  )
  for (const { from } of questions) {
    const ifindex = links.get(from.text)
    if (ifindex === undefined || desks.has(from.text)) continue
    const socket = await bound(from)
    if (socket) desks.set(from.text, { socket, ifindex })
  }
  return desks
}

async function ask(questions: readonly Asked[], reader: Reader): Promise<Address[]> {
  const silent: Address[] = []
  let open = questions
  for (let waitedMs = 0; open.length > 0 && waitedMs < patienceMs; waitedMs += everyMs) {
    await Promise.all(open.map(provoke))
    await sleep(everyMs)
    const table = await reader.neighbours()
    open = open.filter(({ address, ifindex }) => {
      const verdict = table.judge(address, ifindex)
      if (verdict === 'silent') silent.push(address)
      return verdict === 'open'
    })
  }
  return silent
}

/** Undefined: the address cannot be used. */
function bound({ family, text }: Address): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(family === 4 ? 'udp4' : 'udp6')
    const failed = () => {
      socket.close()
      resolve(undefined)
    }
    socket.once('error', failed)
    socket.bind({ address: text }, () => {
      socket.off('error', failed)
      // That nobody is there is what it is for.
      socket.on('error', () => {})
      resolve(socket)
    })
  })
}

function provoke({ socket, address }: Asked): Promise<void> {
  return new Promise((resolve) => {
    socket.send(Buffer.alloc(1), port, address.text, () => resolve())
  })
}
