/** Whether anybody listens where this agent would, as the kernel lists it: nothing is opened to find out. */

import { readFile } from 'node:fs/promises'
import { type Address, address, type Family } from '../../core/ip/address.ts'

/** State of a socket that listens, as /proc/net/tcp has it. */
const listening = '0A'

export async function isPortTaken(port: number, wanted: readonly Address[]): Promise<boolean> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const tables = [[4, 'tcp'] as const, [6, 'tcp6'] as const].map(async ([family, table]) => {
    const text = await readFile(`/proc/net/${table}`, 'latin1').catch(() => '')
    return text.split('\n').flatMap((line) => {
      const [, local = '', , state] = line.trim().split(/\s+/)
      return state === listening && local.endsWith(suffix)
        ? [boundTo(local.slice(0, -suffix.length), family)]
        : []
    })
  })
  const taken = (await Promise.all(tables)).flat()
  return taken.some((one) => wanted.some((other) => collide(one, other)))
}

/** The kernel prints addresses in words of 32 bits, each in the order of its bytes, which on all that Node runs on is this one. */
function boundTo(hex: string, family: Family): Address {
  const words = hex.match(/.{8}/g) ?? []
  const bytes = words.map((word) => (word.match(/../g) ?? []).reverse().join(''))
  return address(family, BigInt(`0x${bytes.join('')}`))
}

/** One that listens on all addresses of IPv6 takes the port for IPv4, too. */
function collide(one: Address, other: Address): boolean {
  if (one.family === other.family) {
    return one.value === 0n || other.value === 0n || one.value === other.value
  }
  return [one, other].some(({ family, value }) => family === 6 && value === 0n)
}
