/** The scenarios of chaos: which faults are drawn, and how many of them overlap. */

import { catalogue, type FaultName } from './catalogue.ts'

export interface Scenario {
  readonly name: string
  readonly promise: string
  readonly faults: readonly FaultName[]
  /** Of one round. */
  readonly faultsMax: number
}

const agents: readonly FaultName[] = [
  'kill-agent',
  'kill-reader',
  'kill-at-sync',
  'stop-agent',
  'freeze-agent',
  'starve-agent',
  'kill-all-agents',
]
const restarts: readonly FaultName[] = ['kill-all-agents', 'restart-in-turn', 'recreate-agent']
const hosts: readonly FaultName[] = ['power-off', 'set-up-anew']
const cuts: readonly FaultName[] = [
  'cut-off',
  'cut-minority',
  'cut-halves',
  'cut-pair',
  'one-way',
  'flap',
  'carrier-lost',
]
const kernels: readonly FaultName[] = [
  'delete-routes',
  'flush-routes',
  'replace-routes',
  'drop-bridge-address',
  'stop-forwarding',
  'many-routes',
]
const disks: readonly FaultName[] = ['slow-disk', 'failing-disk', 'kill-at-sync']

export const scenarios: readonly Scenario[] = [
  {
    name: 'kill-peers',
    promise: 'agents that are killed, stopped, frozen and starved cost not one echo',
    faults: agents,
    faultsMax: 4,
  },
  {
    name: 'kill-hosts',
    promise: 'a host that dies takes its own echoes with it, and nobody else’s',
    faults: hosts,
    faultsMax: 2,
  },
  {
    name: 'partitions',
    promise: 'who is reached is reached, and whatever was cut is whole again within seconds',
    faults: cuts,
    faultsMax: 2,
  },
  {
    name: 'slow-networks',
    promise: 'where much is lost nobody is given up who is there',
    faults: ['loss', 'flap', 'cut-pair'],
    faultsMax: 3,
  },
  {
    name: 'restarts',
    promise: 'all agents restart at once, in turn and in new containers, and traffic goes on',
    faults: restarts,
    faultsMax: 1,
  },
  {
    name: 'kernels',
    promise: 'whatever becomes of routes, bridges and forwarding is mended within seconds',
    faults: kernels,
    faultsMax: 4,
  },
  {
    name: 'disks',
    promise:
      'disks that are slow, that fail, and that are lost in the middle of a write lose nothing',
    faults: disks,
    faultsMax: 3,
  },
  {
    name: 'operators',
    promise: 'what operators do to a cluster that lives harms nobody',
    faults: ['announce-storm', 'evict-living'],
    faultsMax: 3,
  },
  {
    name: 'everything',
    promise: 'all of it together',
    faults: Object.keys(catalogue) as FaultName[],
    faultsMax: 4,
  },
]
