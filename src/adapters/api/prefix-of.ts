/** The prefix that a request names, or a refusal that says how to write it. */

import { type Prefix, parseInterface, parsePrefix } from '../../core/ip/prefix.ts'
import { invalid } from './answer.ts'
import type { PrefixRequest } from './definition.ts'

export function prefixOf({ prefix }: PrefixRequest): Prefix {
  const parsed = parsePrefix(prefix)
  if (parsed) return parsed
  const canonical = parseInterface(prefix)?.prefix.text
  throw invalid(
    'invalid-prefix',
    canonical
      ? `${prefix} has host bits set: write ${canonical}`
      : `${JSON.stringify(prefix)} is not a prefix: write address/length`,
  )
}
