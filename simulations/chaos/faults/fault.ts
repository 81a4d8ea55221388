/** How a fault of the plan is done to a site, and mended. */

import type { ChaosHost } from '../chaos-host.ts'
import type { Witness } from '../judge/record.ts'
import type { Fault } from '../plan/schedule.ts'
import type { Site } from '../site.ts'

export interface Victims {
  readonly site: Site
  readonly fault: Fault
  readonly hosts: readonly ChaosHost[]
  /** The first of them. */
  readonly host: ChaosHost
}

/** Mends it, and tells what could be seen of it. */
export type Mend = () => Promise<Witness>

/** Resolves once it has bitten, as far as that can be seen at once. Rejects where it cannot be done. */
export type Play = (victims: Victims) => Promise<Mend>

/** It cannot be done as things are, which is nobody's fault. */
export class NotNow extends Error {}
