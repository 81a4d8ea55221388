/** How each fault of the catalogue is played. */

import type { FaultName } from '../plan/catalogue.ts'
import * as agents from './agents.ts'
import * as clocks from './clocks.ts'
import * as daemons from './daemons.ts'
import * as disks from './disks.ts'
import type { Play } from './fault.ts'
import * as hosts from './hosts.ts'
import * as kernels from './kernels.ts'
import * as lines from './lines.ts'
import * as names from './names.ts'
import * as operators from './operators.ts'
import * as states from './states.ts'
import * as strangers from './strangers.ts'

export const plays: Readonly<Record<FaultName, Play>> = {
  'kill-agent': agents.killAgent,
  'kill-reader': agents.killReader,
  'kill-at-sync': disks.killAtSync,
  'stop-agent': agents.stopAgent,
  'freeze-agent': agents.freezeAgent,
  'starve-agent': agents.starveAgent,
  'little-memory': agents.littleMemory,
  'few-files': agents.fewFiles,
  'kill-all-agents': agents.killAllAgents,
  'restart-in-turn': agents.restartInTurn,
  'recreate-agent': agents.recreateAgent,
  'other-version': agents.otherVersion,
  'crash-dockerd': daemons.crashDockerd,
  'set-up-anew': hosts.setUpAnew,
  'power-off': hosts.powerOff,
  'replace-host': hosts.replaceHost,
  'leave-and-join': hosts.leaveAndJoin,
  'cut-off': lines.cutOff,
  'cut-minority': lines.cutMinority,
  'cut-halves': lines.cutHalves,
  'cut-pair': lines.cutPair,
  'one-way': lines.oneWay,
  'cut-ring': lines.cutRing,
  swizzle: lines.swizzle,
  flap: lines.flap,
  loss: lines.loss,
  delay: lines.delay,
  'slow-line': lines.slowLine,
  'carrier-lost': lines.carrierLost,
  'small-frames': lines.smallFrames,
  'other-address': lines.otherAddress,
  'wrong-neighbour': lines.wrongNeighbour,
  'taken-address': strangers.takenAddress,
  'delete-routes': kernels.deleteRoutes,
  'flush-routes': kernels.flushRoutes,
  'replace-routes': kernels.replaceRoutes,
  'drop-bridge-address': kernels.dropBridgeAddress,
  'delete-bridge': kernels.deleteBridge,
  'stop-forwarding': kernels.stopForwarding,
  'many-routes': kernels.manyForeignRoutes,
  'closer-alien': kernels.closerAlien,
  'foreign-rule': kernels.foreignRule,
  'strict-source': kernels.strictSource,
  'flush-firewall': kernels.flushFirewall,
  'slow-disk': disks.slowDisk,
  'failing-disk': disks.failingDisk,
  'full-disk': states.fullDisk,
  'read-only-disk': states.readOnlyDisk,
  'damaged-state': states.damagedState,
  'rolled-back': states.rolledBack,
  'clock-ahead': clocks.clockAhead,
  'clock-behind': clocks.clockBehind,
  'no-names': names.noNames,
  'old-name': names.oldName,
  'copied-identity': strangers.copiedIdentity,
  'hostile-member': strangers.hostileMember,
  'announce-storm': operators.announceStorm,
  'evict-living': operators.evictLiving,
  'change-settings': operators.changeSettings,
  purge: operators.purge,
}
