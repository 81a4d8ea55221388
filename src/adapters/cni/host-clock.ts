/** The clocks that the plugin's calls and the leases are stamped by. */

import { readFileSync } from 'node:fs'
import { uptime } from 'node:os'
import type { HostTime } from '../../cni/moment.ts'

/** `wallMs` is the clock that leases are stamped by. */
export function hostClock(wallMs: () => number): () => HostTime {
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  return () => ({ bootId, uptimeMs: uptime() * 1_000, wallMs: wallMs() })
}
