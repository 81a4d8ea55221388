/** Messages by which a link answers for addresses that are not on it: proxy ARP and proxied neighbour solicitations. */

import type { Address } from '../../core/ip/address.ts'
import { type Message, type MessageWriter, walkAttributes } from './message.ts'
import { neighbourHeaderBytes } from './neighbour-message.ts'
import {
  headerBytes,
  kernelFamily,
  linkAttribute,
  messageFlag,
  messageType,
  neighbourAttribute,
  neighbourFlagProxy,
  neighbourTableAttribute,
  neighbourTableParameter,
} from './rtnetlink.ts'

/** Of struct in_device's settings (linux/ip.h), from 1. */
const settingProxyArp = 3
const inetConfiguration = 1

/** By netlink, for a container's /proc/sys cannot be written. */
export function writeProxyArp(
  writer: MessageWriter,
  { ifindex, on, seq }: { ifindex: number; on: boolean; seq: number },
): void {
  writer.begin(messageType.newLink, 0, seq)
  writer.u8(kernelFamily.unspecified)
  writer.u8(0)
  writer.u16(0)
  for (const word of [ifindex, 0, 0]) writer.u32(word)
  writer.attributeNested(linkAttribute.familySettings, () => {
    writer.attributeNested(kernelFamily.ipv4, () => {
      writer.attributeNested(inetConfiguration, () => {
        writer.attributeU32(settingProxyArp, on ? 1 : 0)
      })
    })
  })
  writer.end()
}

/** Who is asked by everybody waits up to 0.8 s before it answers for another one, unless it is told otherwise. */
export function writePromptProxy(
  writer: MessageWriter,
  { family, ifindex, seq }: { family: 4 | 6; ifindex: number; seq: number },
): void {
  writer.begin(messageType.setNeighbourTable, 0, seq)
  writer.u8(family === 4 ? kernelFamily.ipv4 : kernelFamily.ipv6)
  writer.u8(0)
  writer.u16(0)
  writer.attributeText(neighbourTableAttribute.name, family === 4 ? 'arp_cache' : 'ndisc_cache')
  writer.attributeNested(neighbourTableAttribute.parameters, () => {
    writer.attributeU32(neighbourTableParameter.ifindex, ifindex)
    writer.attributeBytes(neighbourTableParameter.proxyDelayMs, new Uint8Array(8))
  })
  writer.end()
}

export function writeProxiedNeighbour(
  writer: MessageWriter,
  action: 'add' | 'remove',
  {
    address,
    ifindex,
    protocol,
    seq,
  }: { address: Address; ifindex: number; protocol: number; seq: number },
): void {
  const adding = action === 'add'
  writer.begin(
    adding ? messageType.newNeighbour : messageType.delNeighbour,
    adding ? messageFlag.create | messageFlag.replace : 0,
    seq,
  )
  writeHeader(writer, address.family, ifindex)
  writer.attributeAddress(neighbourAttribute.destination, address.family, address.value)
  if (adding) writer.attributeBytes(neighbourAttribute.protocol, Uint8Array.of(protocol))
  writer.end()
}

export function writeProxiedDump(writer: MessageWriter, seq: number): void {
  writer.begin(messageType.getNeighbour, messageFlag.dump, seq)
  writeHeader(writer, 6, 0)
  writer.end()
}

export interface ProxiedNeighbour {
  readonly value: bigint
  readonly ifindex: number
  /** Who added it; 0: the kernel does not tell. */
  readonly protocol: number
}

export function readProxied(message: Message): ProxiedNeighbour | undefined {
  if (message.type !== messageType.newNeighbour) return undefined
  const { view, data } = message
  const at = message.start + headerBytes
  if (at + neighbourHeaderBytes > message.end || view.getUint8(at) !== kernelFamily.ipv6) {
    return undefined
  }
  if ((view.getUint8(at + 10) & neighbourFlagProxy) === 0) return undefined
  let value: bigint | undefined
  let protocol = 0
  walkAttributes(view, { from: at + neighbourHeaderBytes, end: message.end }, (type, from) => {
    if (type === neighbourAttribute.destination) {
      value = (data.readBigUInt64BE(from) << 64n) | data.readBigUInt64BE(from + 8)
    }
    if (type === neighbourAttribute.protocol) protocol = view.getUint8(from)
  })
  return value === undefined ? undefined : { value, ifindex: view.getInt32(at + 4, true), protocol }
}

function writeHeader(writer: MessageWriter, family: 4 | 6, ifindex: number): void {
  writer.u8(family === 4 ? kernelFamily.ipv4 : kernelFamily.ipv6)
  writer.u8(0)
  writer.u16(0)
  writer.u32(ifindex)
  writer.u16(0)
  writer.u8(neighbourFlagProxy)
  writer.u8(0)
}
