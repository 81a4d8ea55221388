/** A compressed tar of small files, as every tar reads it (ustar, POSIX.1-1988). */

import { promisify } from 'node:util'
import { gzip } from 'node:zlib'

export interface Entry {
  /** At most 99 bytes. */
  readonly name: string
  readonly text: string
}

export function packed(entries: readonly Entry[], timeMs: number): Promise<Buffer> {
  const blocks = entries.flatMap(({ name, text }) => {
    const body = Buffer.from(text)
    const rest = (blockSize - (body.length % blockSize)) % blockSize
    return [header(name, body.length, timeMs), body, Buffer.alloc(rest)]
  })
  // Two empty blocks are the end.
  return promisify(gzip)(Buffer.concat([...blocks, Buffer.alloc(2 * blockSize)]))
}

const blockSize = 512

function header(name: string, size: number, timeMs: number): Buffer {
  const block = Buffer.alloc(blockSize)
  const octal = (value: number, at: number, length: number): void => {
    block.write(value.toString(8).padStart(length - 1, '0'), at, 'latin1')
  }
  block.write(name, 0, 99, 'utf8')
  octal(0o600, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  octal(size, 124, 12)
  octal(Math.floor(timeMs / 1_000), 136, 12)
  block.write('0', 156, 'latin1')
  block.write('ustar\x0000', 257, 'latin1')
  // The sum of all bytes, its own field read as blanks.
  block.write(' '.repeat(8), 148, 'latin1')
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return block
}
