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
  'little-memory',
  'few-files',
]
const restarts: readonly FaultName[] = [
  'kill-all-agents',
  'restart-in-turn',
  'recreate-agent',
  'other-version',
  'change-settings',
  'crash-dockerd',
]
const hosts: readonly FaultName[] = ['power-off', 'set-up-anew']
const cuts: readonly FaultName[] = [
  'cut-off',
  'cut-minority',
  'cut-halves',
  'cut-pair',
  'one-way',
  'flap',
  'carrier-lost',
  'cut-ring',
  'swizzle',
  'wrong-neighbour',
]
const kernels: readonly FaultName[] = [
  'delete-routes',
  'flush-routes',
  'replace-routes',
  'drop-bridge-address',
  'stop-forwarding',
  'many-routes',
  'delete-bridge',
  'closer-alien',
  'foreign-rule',
  'strict-source',
  'flush-firewall',
]
const disks: readonly FaultName[] = [
  'slow-disk',
  'failing-disk',
  'full-disk',
  'read-only-disk',
  'damaged-state',
  'rolled-back',
  'kill-at-sync',
]

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
    promise: 'where much is lost, late or small nobody is given up who is there',
    faults: ['loss', 'flap', 'cut-pair', 'delay', 'slow-line', 'small-frames'],
    faultsMax: 3,
  },
  {
    name: 'churn',
    promise: 'hosts come and go for good, and only their own traffic with them',
    faults: ['leave-and-join', 'replace-host', 'set-up-anew', 'power-off'],
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
    name: 'hostile-host',
    promise: 'a host that attacks, or that is a copy of another one, costs nobody else anything',
    faults: ['hostile-member', 'copied-identity', 'taken-address'],
    faultsMax: 2,
  },
  {
    name: 'names',
    promise: 'names, clocks and addresses that are wrong or change keep nobody from their peers',
    faults: ['no-names', 'old-name', 'clock-ahead', 'clock-behind', 'other-address'],
    faultsMax: 3,
  },
  {
    name: 'operators',
    promise: 'what operators do to a host that lives costs no other one anything',
    faults: ['announce-storm', 'evict-living', 'purge', 'change-settings'],
    faultsMax: 3,
  },
  {
    name: 'everything',
    promise: 'all of it together',
    faults: Object.keys(catalogue) as FaultName[],
    faultsMax: 4,
  },
]
