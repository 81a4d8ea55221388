/** The library that sets the clock of one process: a container cannot have a clock of its own. */

import { globSync } from 'node:fs'

/** Its path on this machine. Throws where it is not installed. */
export function clockLibrary(): string {
  const [found] = globSync('/usr/lib/*/faketime/libfaketime.so.1')
  if (found === undefined) throw new Error('no libfaketime: npm run setup')
  return found
}
