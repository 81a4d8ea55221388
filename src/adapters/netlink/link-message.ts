/** Link messages: what a link is, and how a bridge is made. */

import type { Link } from '../../core/routing/route.ts'
import { type Message, type MessageWriter, walkAttributes } from './message.ts'
import {
  headerBytes,
  kernelFamily,
  linkAttribute,
  linkFilterSkipStatistics,
  linkFlagLowerUp,
  linkFlagRunning,
  linkFlagUp,
  linkInfoKind,
  messageFlag,
  messageType,
} from './rtnetlink.ts'

const linkHeaderBytes = 16

export interface LinkFacts extends Link {
  readonly removed: boolean
  /** `bridge`, `veth`; empty for hardware. */
  readonly kind: string
  /** Index of the bridge or bond that it is a port of; 0: none. */
  readonly master: number
  readonly alternativeNames: readonly string[]
}

/**
 * `up` is the administrative state alone: it decides whether the kernel keeps a link's routes. Without a carrier they
 * stay, and a bridge without ports never has one. The kernel takes them for dead once both flags of the carrier are
 * gone, and may tell of the link when only one of them is.
 */
export function readLink(message: Message): LinkFacts | undefined {
  if (message.type !== messageType.newLink && message.type !== messageType.delLink) return undefined
  const { view, data } = message
  const at = message.start + headerBytes
  // A bridge tells of its ports in messages of its own family: a port that leaves is no link that ends.
  if (at + linkHeaderBytes > message.end || view.getUint8(at) !== kernelFamily.unspecified) {
    return undefined
  }
  const flags = view.getUint32(at + 8, true)
  let name = ''
  let kind = ''
  let master = 0
  const alternativeNames: string[] = []
  walkAttributes(view, { from: at + linkHeaderBytes, end: message.end }, (type, from, end) => {
    if (type === linkAttribute.name) name = textIn(data, from, end)
    if (type === linkAttribute.master) master = view.getUint32(from, true)
    if (type === linkAttribute.propertyList) {
      walkAttributes(view, { from, end }, (inner, innerFrom, innerEnd) => {
        if (inner !== linkAttribute.alternativeName) return
        alternativeNames.push(textIn(data, innerFrom, innerEnd))
      })
    }
    if (type !== linkAttribute.linkInfo) return
    walkAttributes(view, { from, end }, (inner, innerFrom, innerEnd) => {
      if (inner === linkInfoKind) kind = textIn(data, innerFrom, innerEnd)
    })
  })
  return {
    removed: message.type === messageType.delLink,
    ifindex: view.getInt32(at + 4, true),
    up: (flags & linkFlagUp) !== 0,
    carrier: (flags & (linkFlagRunning | linkFlagLowerUp)) !== 0,
    name,
    kind,
    master,
    alternativeNames,
  }
}

export function writeLinkDump(writer: MessageWriter, seq: number): void {
  writer.begin(messageType.getLink, messageFlag.dump, seq)
  writeHeader(writer, 0, 'unchanged')
  writer.attributeU32(linkAttribute.extensionMask, linkFilterSkipStatistics)
  writer.end()
}

export function writeLinkQuestion(
  writer: MessageWriter,
  { ifindex, seq }: { ifindex: number; seq: number },
): void {
  writer.begin(messageType.getLink, 0, seq)
  writeHeader(writer, ifindex, 'unchanged')
  writer.attributeU32(linkAttribute.extensionMask, linkFilterSkipStatistics)
  writer.end()
}

/** A bridge that is up; `mac` keeps it from taking its ports' addresses, which would change with every container. */
export function writeBridge(
  writer: MessageWriter,
  { name, mac, seq }: { name: string; mac: Uint8Array; seq: number },
): void {
  writer.begin(messageType.newLink, messageFlag.create | messageFlag.exclusive, seq)
  writeHeader(writer, 0, 'up')
  writer.attributeText(linkAttribute.name, name)
  writer.attributeBytes(linkAttribute.address, mac)
  writer.attributeNested(linkAttribute.linkInfo, () => {
    writer.attributeBytes(linkInfoKind, Buffer.from('bridge'))
  })
  writer.end()
}

export function writeLinkUp(
  writer: MessageWriter,
  { ifindex, seq }: { ifindex: number; seq: number },
): void {
  writer.begin(messageType.newLink, 0, seq)
  writeHeader(writer, ifindex, 'up')
  writer.end()
}

export function writeLinkMaster(
  writer: MessageWriter,
  { ifindex, master, seq }: { ifindex: number; master: number; seq: number },
): void {
  writer.begin(messageType.newLink, 0, seq)
  writeHeader(writer, ifindex, 'unchanged')
  writer.attributeU32(linkAttribute.master, master)
  writer.end()
}

function writeHeader(writer: MessageWriter, ifindex: number, state: 'up' | 'unchanged'): void {
  const flags = state === 'up' ? linkFlagUp : 0
  writer.u8(kernelFamily.unspecified)
  writer.u8(0)
  writer.u16(0)
  writer.u32(ifindex)
  writer.u32(flags)
  writer.u32(flags)
}

function textIn(data: Buffer, from: number, end: number): string {
  const zero = data.indexOf(0, from)
  return data.toString('utf8', from, zero < 0 || zero > end ? end : zero)
}
