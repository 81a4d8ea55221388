/** What tells one boot of the host from another. */

import { readFile } from 'node:fs/promises'

/** Empty where the kernel does not say: then nothing is concluded from it. */
export async function readBootId(): Promise<string> {
  try {
    return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
  } catch {
    // A host that hides it is taken to be on one boot for ever.
    return ''
  }
}
