/** GC: which leases the runtime knows no container of. */

import type { Lease } from '../core/ipam/lease.ts'
import { Failure } from './failure.ts'
import { asObject, type JsonObject } from './json.ts'
import { type HostTime, isNewer, type Moment } from './moment.ts'

/** `ID\0IFNAME` each. Undefined: the runtime does not say, and nothing is garbage. */
export type Valid = ReadonlySet<string> | undefined

/** libcni writes the list under a second name, too, which the specification once had. */
const keys = ['cni.dev/valid-attachments', 'cni.dev/attachments'] as const

/** A list that is null is an empty one: so Go writes it. */
export function validAttachments(json: JsonObject): Valid | Failure {
  const present = keys.filter((key) => key in json)
  if (present.length === 0) return undefined
  const valid = new Set<string>()
  for (const key of present) {
    const list = json[key] ?? []
    if (!Array.isArray(list)) return new Failure('config', `${key} is no list`)
    for (const each of list) {
      const { containerID, ifname } = asObject(each) ?? {}
      if (typeof containerID !== 'string' || typeof ifname !== 'string') {
        return new Failure('config', `${key}: each has a containerID and an ifname`)
      }
      valid.add(keyOf(containerID, ifname))
    }
  }
  return valid
}

/** Never those of other networks and doors, nor of containers that came after the list was made. */
export function garbage(
  { network, valid }: { readonly network: string; readonly valid: Valid },
  leases: readonly Lease[],
  call: Moment,
  now: HostTime,
): readonly Lease[] {
  if (!valid) return []
  return leases.filter(
    (lease) =>
      lease.attachment.door === 'cni' &&
      lease.attachment.network === network &&
      !valid.has(keyOf(lease.attachment.id, lease.attachment.ifname)) &&
      !isNewer(lease, call, now),
  )
}

const keyOf = (id: string, ifname: string): string => `${id}\0${ifname}`
