/** Neighbour messages: who answers for an address, and behind which port of a bridge a hardware address is. */

import type { Address } from '../../core/ip/address.ts'
import { type Message, type MessageWriter, walkAttributes } from './message.ts'
import {
  headerBytes,
  kernelFamily,
  messageFlag,
  messageType,
  neighbourAttribute,
  neighbourState,
} from './rtnetlink.ts'

/** Of struct ndmsg. */
export const neighbourHeaderBytes = 12

/** An entry of the neighbour table, or of a bridge's forwarding table, which has no address. */
export interface NeighbourFacts {
  /** Number of the address; undefined in a forwarding table. */
  readonly value: bigint | undefined
  /** Of the link that it is on; in a forwarding table the port. */
  readonly ifindex: number
  readonly state: number
  /** In hex; empty where none is known. */
  readonly mac: string
}

export type NeighbourTable = 4 | 6 | 'bridge'

const families = {
  4: kernelFamily.ipv4,
  6: kernelFamily.ipv6,
  bridge: kernelFamily.bridge,
} as const

export function writeNeighbourDump(
  writer: MessageWriter,
  { table, seq }: { table: NeighbourTable; seq: number },
): void {
  writer.begin(messageType.getNeighbour, messageFlag.dump, seq)
  writer.u8(families[table])
  for (let at = 1; at < neighbourHeaderBytes; at += 1) writer.u8(0)
  writer.end()
}

/** Asks for the one entry of an address on a link. */
export function writeNeighbourQuestion(
  writer: MessageWriter,
  { address, ifindex, seq }: { address: Address; ifindex: number; seq: number },
): void {
  const { family, value } = address
  writer.begin(messageType.getNeighbour, 0, seq)
  writer.u8(families[family])
  writer.u8(0)
  writer.u16(0)
  writer.u32(ifindex)
  writer.u32(0)
  writer.attributeAddress(neighbourAttribute.destination, family, value)
  writer.end()
}

/** The bits of its state; undefined for any other message. */
export function readNeighbourState({ type, view, start, end }: Message): number | undefined {
  const at = start + headerBytes
  if (type !== messageType.newNeighbour || at + neighbourHeaderBytes > end) return undefined
  return view.getUint16(at + 8, true)
}

/** Undefined for what is of another table, and for what is there without anybody: the bridge's own addresses. */
export function readNeighbour(message: Message, table: NeighbourTable): NeighbourFacts | undefined {
  if (message.type !== messageType.newNeighbour) return undefined
  const { view, data } = message
  const at = message.start + headerBytes
  if (at + neighbourHeaderBytes > message.end || view.getUint8(at) !== families[table]) {
    return undefined
  }
  const state = view.getUint16(at + 8, true)
  if ((state & neighbourState.permanent) !== 0) return undefined
  let value: bigint | undefined
  let mac = ''
  walkAttributes(view, { from: at + neighbourHeaderBytes, end: message.end }, (type, from, end) => {
    const hex = Buffer.from(data.buffer, data.byteOffset + from, end - from).toString('hex')
    if (type === neighbourAttribute.destination && table !== 'bridge') value = BigInt(`0x${hex}`)
    if (type === neighbourAttribute.hardwareAddress) mac = hex
  })
  return { value, ifindex: view.getInt32(at + 4, true), state, mac }
}
