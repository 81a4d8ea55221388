/** One condition, told when it begins, when it reads otherwise and when it ends. */

import type { Trouble } from '../../core/event.ts'

/** `thrown`: what is the matter; undefined and '': nothing is. */
export function troubleTold(
  tell: (trouble: Trouble) => void,
  condition: Pick<Trouble, 'code' | 'subject'>,
): (thrown: unknown) => void {
  let told = ''
  return (thrown = '') => {
    const reason = thrown instanceof Error ? thrown.message : String(thrown)
    if (reason === told) return
    told = reason
    tell({ ...condition, reason, active: reason !== '' })
  }
}
