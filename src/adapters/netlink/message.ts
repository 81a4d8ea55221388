/**
 * Netlink messages as bytes. Netlink is host-endian; the addon is prebuilt for x64, arm64, arm and ia32 alone,
 * so host-endian is little-endian here.
 */

import { headerBytes, messageFlag } from './rtnetlink.ts'

/** Appends messages to one buffer, which is reused after `clear`. */
export class MessageWriter {
  #bytes: Buffer
  #view: DataView
  #length = 0
  #start = 0

  constructor(capacity: number) {
    this.#bytes = Buffer.alloc(capacity)
    this.#view = viewOf(this.#bytes)
  }

  get length(): number {
    return this.#length
  }

  /** A view, valid until the next write. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  /** What is written next starts in zeroed bytes, for paddings reach the kernel. */
  clear(): void {
    this.#bytes.fill(0, 0, this.#length)
    this.#length = 0
  }

  begin(type: number, flags: number, seq: number): void {
    this.#start = this.#length
    this.#reserve(headerBytes)
    const view = this.#view
    view.setUint16(this.#start + 4, type, true)
    view.setUint16(this.#start + 6, flags | messageFlag.request, true)
    view.setUint32(this.#start + 8, seq, true)
    view.setUint32(this.#start + 12, 0, true)
  }

  end(): void {
    this.#view.setUint32(this.#start, this.#length - this.#start, true)
  }

  /** Asks for an acknowledgement of the message written last. */
  acknowledgeLast(): void {
    const at = this.#start + 6
    this.#view.setUint16(at, this.#view.getUint16(at, true) | messageFlag.ack, true)
  }

  u8(value: number): void {
    const at = this.#reserve(1)
    this.#view.setUint8(at, value)
  }

  u16(value: number): void {
    const at = this.#reserve(2)
    this.#view.setUint16(at, value, true)
  }

  u32(value: number): void {
    const at = this.#reserve(4)
    this.#view.setUint32(at, value, true)
  }

  attributeU32(type: number, value: number): void {
    const at = this.#attribute(type, 4)
    this.#view.setUint32(at, value, true)
  }

  /** An address, which netlink carries in network order. */
  attributeAddress(type: number, family: 4 | 6, value: bigint): void {
    if (family === 4) {
      const at = this.#attribute(type, 4)
      this.#view.setUint32(at, Number(value), false)
      return
    }
    const at = this.#attribute(type, 16)
    this.#view.setBigUint64(at, value >> 64n, false)
    this.#view.setBigUint64(at + 8, BigInt.asUintN(64, value), false)
  }

  attributeBytes(type: number, value: Uint8Array): void {
    const at = this.#attribute(type, value.length)
    this.#bytes.set(value, at)
  }

  /** A zero-terminated string. */
  attributeText(type: number, text: string): void {
    this.attributeBytes(type, Buffer.from(`${text}\0`))
  }

  /** Attributes written by `write` are the value of this one. */
  attributeNested(type: number, write: () => void): void {
    const at = this.#attribute(type, 0)
    write()
    this.#view.setUint16(at - 4, this.#length - at + 4, true)
  }

  #attribute(type: number, valueBytes: number): number {
    const padded = (valueBytes + 3) & ~3
    const at = this.#reserve(4 + padded)
    this.#view.setUint16(at, 4 + valueBytes, true)
    this.#view.setUint16(at + 2, type, true)
    return at + 4
  }

  #reserve(count: number): number {
    const at = this.#length
    this.#length += count
    if (this.#length > this.#bytes.length) this.#grow()
    return at
  }

  #grow(): void {
    const bytes = Buffer.alloc(this.#length * 2)
    bytes.set(this.#bytes)
    this.#bytes = bytes
    this.#view = viewOf(bytes)
  }
}

/** One received message inside a datagram: header fields, and where it lies. */
export interface Message {
  readonly data: Buffer
  readonly view: DataView
  readonly type: number
  readonly flags: number
  readonly seq: number
  readonly port: number
  /** Of the header. */
  readonly start: number
  readonly end: number
}

/** Calls `visit` for each whole message; what is cut off or malformed ends the walk. */
export function walkMessages(data: Buffer, visit: (message: Message) => void): void {
  const view = viewOf(data)
  let start = 0
  while (start + headerBytes <= data.length) {
    const length = view.getUint32(start, true)
    if (length < headerBytes) return
    visit({
      data,
      view,
      type: view.getUint16(start + 4, true),
      flags: view.getUint16(start + 6, true),
      seq: view.getUint32(start + 8, true),
      port: view.getUint32(start + 12, true),
      start,
      // A truncated message is visited too: its head is what we need of a link's notification.
      end: Math.min(start + length, data.length),
    })
    start += (length + 3) & ~3
  }
}

/** Calls `visit` with the type, first byte and end of each attribute between `from` and `end`. */
export function walkAttributes(
  view: DataView,
  { from, end }: { readonly from: number; readonly end: number },
  visit: (type: number, at: number, end: number) => void,
): void {
  let at = from
  while (at + 4 <= end) {
    const length = view.getUint16(at, true)
    if (length < 4 || at + length > end) return
    visit(view.getUint16(at + 2, true) & 0x3fff, at + 4, at + length)
    at += (length + 3) & ~3
  }
}

/** Of an error message: 0 for an acknowledgement, otherwise the positive errno. */
export const errnoOf = (message: Message): number =>
  -message.view.getInt32(message.start + headerBytes, true)

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
