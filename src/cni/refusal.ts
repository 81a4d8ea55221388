/** What the agent refuses, in the specification's codes: what may pass by itself is to be tried later. */

import type { LeaseRefusal } from '../core/ipam/lease.ts'
import { Failure } from './failure.ts'

const forGood: ReadonlySet<string> = new Set<LeaseRefusal>([
  'address-outside',
  'address-unusable',
  'other-address',
])

export const refusal = ({ code, message }: { code: string; message: string }): Failure =>
  new Failure(forGood.has(code) ? 'config' : 'tryLater', message)
