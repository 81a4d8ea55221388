/** What of others' prefixes may enter a kernel at all. */

import { contains, type Prefix } from '../ip/prefix.ts'

/** Inside the accept list, and never so broad that it would take the world. */
export function isAccepted(prefix: Prefix, accept: readonly Prefix[]): boolean {
  if (prefix.length < (prefix.family === 4 ? 8 : 16)) return false
  return accept.some((allowed) => contains(allowed, prefix))
}
