/** The clocks that the plugin's calls and the leases are stamped by. */

import { uptime } from 'node:os'
import type { HostTime } from '../../cni/moment.ts'

/** `wallMs` is the clock that leases are stamped by. */
export const hostClock =
  (bootId: string, wallMs: () => number): (() => HostTime) =>
  () => ({ bootId, uptimeMs: uptime() * 1_000, wallMs: wallMs() })
