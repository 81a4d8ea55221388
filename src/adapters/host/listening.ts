/** Whether anybody listens on a TCP port of this host, as the kernel lists it: nothing is opened to find out. */

import { readFile } from 'node:fs/promises'

/** State of a socket that listens, as /proc/net/tcp has it. */
const listening = '0A'

export async function isPortTaken(port: number): Promise<boolean> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  for (const table of ['tcp', 'tcp6']) {
    const text = await readFile(`/proc/net/${table}`, 'latin1').catch(() => '')
    const isThere = text.split('\n').some((line) => {
      const [, local, , state] = line.trim().split(/\s+/)
      return state === listening && local?.endsWith(suffix)
    })
    if (isThere) return true
  }
  return false
}
