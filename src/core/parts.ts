/** The parts of an agent, for the functions that read or command them. */

import type { Claimant } from './claim/claimant.ts'
import type { OwnRecord } from './claim/own-record.ts'
import type { Ownership } from './claim/ownership.ts'
import type { RecordSet } from './claim/record-set.ts'
import type { Conditions } from './conditions.ts'
import type { CoreConfig } from './config.ts'
import type { Peers } from './membership/peers.ts'
import type { Bridge } from './routing/bridge.ts'
import type { Router } from './routing/router.ts'

export interface AgentParts {
  readonly config: CoreConfig
  readonly set: RecordSet
  readonly ownership: Ownership
  readonly own: OwnRecord
  readonly claimant: Claimant
  readonly router: Router
  readonly bridge: Bridge
  readonly peers: Peers
  readonly conditions: Conditions
}
