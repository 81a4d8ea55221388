/** Routes in words, as `ip route` has them. */

import type { TargetMessage } from '../adapters/api/definition.ts'

export function targetText({ type, nextHop, interface: link }: TargetMessage): string {
  const on = link === '' ? '' : `dev ${link}`
  if (type === 'via') return `via ${nextHop} ${on}`.trimEnd()
  return type === 'unreachable' ? type : on || 'other'
}
