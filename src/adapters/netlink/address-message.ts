/** Address messages: an address of this host, read, added and removed. */

import { type Message, type MessageWriter, walkAttributes } from './message.ts'
import {
  addressAttribute,
  addressFlag,
  headerBytes,
  kernelFamily,
  messageFlag,
  messageType,
  routeScope,
} from './rtnetlink.ts'

const addressHeaderBytes = 8

export interface AddressFacts {
  readonly message: Message
  readonly removed: boolean
  readonly family: 4 | 6
  readonly ifindex: number
  readonly length: number
  readonly flags: number
  readonly scope: number
  /** Who added it; 0: the kernel does not tell. */
  readonly protocol: number
  /** Of the address's first byte in `message.data`. */
  readonly addressAt: number
}

export function readAddress(message: Message): AddressFacts | undefined {
  if (message.type !== messageType.newAddress && message.type !== messageType.delAddress) {
    return undefined
  }
  const { view } = message
  const at = message.start + headerBytes
  if (at + addressHeaderBytes > message.end) return undefined
  const family = view.getUint8(at)
  if (family !== kernelFamily.ipv4 && family !== kernelFamily.ipv6) return undefined
  let local = 0
  let address = 0
  let flags = view.getUint8(at + 2)
  let protocol = 0
  walkAttributes(view, { from: at + addressHeaderBytes, end: message.end }, (type, from) => {
    if (type === addressAttribute.local) local = from
    if (type === addressAttribute.address) address = from
    if (type === addressAttribute.flags) flags = view.getUint32(from, true)
    if (type === addressAttribute.protocol) protocol = view.getUint8(from)
  })
  // On a point-to-point link ADDRESS is the other end; LOCAL is absent where they are the same.
  const addressAt = local || address
  if (addressAt === 0) return undefined
  return {
    message,
    removed: message.type === messageType.delAddress,
    family: family === kernelFamily.ipv4 ? 4 : 6,
    ifindex: view.getUint32(at + 4, true),
    length: view.getUint8(at + 1),
    flags,
    scope: view.getUint8(at + 3),
    protocol,
    addressAt,
  }
}

export function writeAddressDump(
  writer: MessageWriter,
  { family, seq }: { family: 4 | 6; seq: number },
): void {
  writer.begin(messageType.getAddress, messageFlag.dump, seq)
  writeHeader(writer, { family, length: 0, ifindex: 0 })
  writer.end()
}

/** What is written of an address; `value` is its number. */
export interface AddressWrite {
  readonly family: 4 | 6
  readonly value: bigint
  readonly length: number
  readonly ifindex: number
  /** Marks it as this agent's; a kernel that is too old for it takes no notice. */
  readonly protocol: number
  readonly seq: number
}

export function writeAddress(
  writer: MessageWriter,
  action: 'add' | 'remove',
  address: AddressWrite,
): void {
  const adding = action === 'add'
  writer.begin(
    adding ? messageType.newAddress : messageType.delAddress,
    adding ? messageFlag.create | messageFlag.exclusive : 0,
    address.seq,
  )
  writeHeader(writer, address)
  writer.attributeAddress(addressAttribute.local, address.family, address.value)
  writer.attributeAddress(addressAttribute.address, address.family, address.value)
  if (adding) writer.attributeBytes(addressAttribute.protocol, Uint8Array.of(address.protocol))
  // A bridge without ports has no carrier, and duplicate detection would wait for one before the address works.
  if (adding && address.family === 6) {
    writer.attributeU32(addressAttribute.flags, addressFlag.noDuplicateDetection)
  }
  writer.end()
}

function writeHeader(
  writer: MessageWriter,
  { family, length, ifindex }: { family: 4 | 6; length: number; ifindex: number },
): void {
  writer.u8(family === 4 ? kernelFamily.ipv4 : kernelFamily.ipv6)
  writer.u8(length)
  writer.u8(0)
  writer.u8(routeScope.universe)
  writer.u32(ifindex)
}
