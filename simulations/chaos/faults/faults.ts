/** How each fault of the catalogue is played. */

import type { FaultName } from '../plan/catalogue.ts'
import * as agents from './agents.ts'
import * as disks from './disks.ts'
import type { Play } from './fault.ts'
import * as hosts from './hosts.ts'
import * as kernels from './kernels.ts'
import * as lines from './lines.ts'
import * as operators from './operators.ts'

export const plays: Readonly<Record<FaultName, Play>> = {
  'kill-agent': agents.killAgent,
  'kill-reader': agents.killReader,
  'kill-at-sync': disks.killAtSync,
  'stop-agent': agents.stopAgent,
  'freeze-agent': agents.freezeAgent,
  'starve-agent': agents.starveAgent,
  'kill-all-agents': agents.killAllAgents,
  'restart-in-turn': agents.restartInTurn,
  'recreate-agent': agents.recreateAgent,
  'set-up-anew': hosts.setUpAnew,
  'power-off': hosts.powerOff,
  'cut-off': lines.cutOff,
  'cut-minority': lines.cutMinority,
  'cut-halves': lines.cutHalves,
  'cut-pair': lines.cutPair,
  'one-way': lines.oneWay,
  flap: lines.flap,
  loss: lines.loss,
  'carrier-lost': lines.carrierLost,
  'delete-routes': kernels.deleteRoutes,
  'flush-routes': kernels.flushRoutes,
  'replace-routes': kernels.replaceRoutes,
  'drop-bridge-address': kernels.dropBridgeAddress,
  'stop-forwarding': kernels.stopForwarding,
  'many-routes': kernels.manyForeignRoutes,
  'slow-disk': disks.slowDisk,
  'failing-disk': disks.failingDisk,
  'announce-storm': operators.announceStorm,
  'evict-living': operators.evictLiving,
}
