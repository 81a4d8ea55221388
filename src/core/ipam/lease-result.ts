/** What is answered to who asks for addresses or gives them back. */

import type { CommandResult } from '../effect.ts'
import type { Lease, LeaseRefusal } from './lease.ts'

export interface Refused {
  readonly ok: false
  readonly code: LeaseRefusal
  readonly message: string
}

export const refuse = (code: LeaseRefusal, message: string): Refused => ({
  ok: false,
  code,
  message,
})

export const granted = (leases: readonly Lease[]): CommandResult => ({
  ok: true,
  message: `granted ${addressesOf(leases)}`,
  leases,
})

export const released = (leases: readonly Lease[]): CommandResult => ({
  ok: true,
  message: leases.length === 0 ? 'nothing to release' : `released ${addressesOf(leases)}`,
  leases,
})

export const adopted = (leases: readonly Lease[]): CommandResult => ({
  ok: true,
  message:
    leases.length === 0
      ? 'none of them is free in a subnet of this node: nothing is adopted'
      : `adopted ${addressesOf(leases)}`,
  leases,
})

export const addressesOf = (leases: readonly Lease[]): string =>
  leases.map(({ address }) => address.text).join(', ')
