/** A host on which all is well, for tests that make one thing wrong. */

import { claimMessage, peerMessage, statusMessage } from '../../../src/adapters/api/messages.ts'
import { known } from '../../../src/adapters/doctor/fact.ts'
import type { HostRoute } from '../../../src/adapters/doctor/routes.ts'
import type { AgentFacts, Facts, Setup } from '../../../src/cli/doctor/check.ts'
import { healthyView, prefixOf } from '../fake-agent.ts'

export const setup: Setup = {
  pools: [prefixOf('172.16.0.0/12')],
  bridge: 'starling0',
  interface: '',
  stateDir: '/var/lib/starling',
  port: 7871,
  protocol: 83,
  seeds: [],
  masquerades: false,
  opens: false,
  cniConfDir: '',
  cniBinDir: '',
}

export const route = (
  prefix: string,
  link: string,
  { isOnLink = true, protocol = 2 }: { isOnLink?: boolean; protocol?: number | undefined } = {},
): HostRoute => ({ prefix: prefixOf(prefix), link, isOnLink, protocol, metric: 0 })

export function agentFacts(): AgentFacts {
  const view = healthyView()
  return {
    status: { ...statusMessage(view, 1_000, new Map()), inabilities: [] },
    claims: view.claims.map(claimMessage),
    routes: [],
    peers: view.nodes.map(peerMessage),
    settings: [],
    isHere: true,
  }
}

export const emptyIptables = [
  '*raw',
  ':PREROUTING ACCEPT [0:0]',
  'COMMIT',
  '*filter',
  ':FORWARD ACCEPT [0:0]',
  'COMMIT',
]

export function soundFacts(): Facts {
  return {
    setup,
    agent: agentFacts(),
    absence: '',
    ownSoftware: healthyView().own.software,
    netAdmin: known(true),
    kernel: {
      bridge: 'there',
      veth: 'there',
      nf_tables: 'there',
      nft_masq: 'there',
      ip_tables: 'there',
    },
    state: known({ path: '/var/lib/starling', freeBytes: 2 ** 33, freeFiles: 1_000 }),
    write: { ms: 1 },
    links: new Map([
      ['lo', 65_536],
      ['eth0', 1_500],
      ['starling0', 1_500],
    ]),
    sysctls: new Map([
      ['ipv4/ip_forward', '1'],
      ['ipv4/conf/all/rp_filter', '0'],
      ['ipv4/conf/eth0/rp_filter', '0'],
      ['ipv4/conf/eth0/forwarding', '1'],
      ['ipv4/conf/starling0/forwarding', '1'],
      ['ipv6/conf/all/forwarding', '1'],
      ['bridge/bridge-nf-call-iptables', '0'],
    ]),
    canWriteSysctls: true,
    routes: {
      isWhole: true,
      routes: [
        route('0.0.0.0/0', 'eth0', { isOnLink: false }),
        route('10.0.0.0/16', 'eth0'),
        route('172.16.0.0/22', 'starling0'),
        route('172.16.4.0/22', 'eth0', { isOnLink: false, protocol: 83 }),
      ],
    },
    uplink: 'eth0',
    networkd: known({ isRunning: false, managesForeignRoutes: true }),
    networkManager: known({ isRunning: false, unmanaged: [] }),
    docker: known({ isThere: false, pools: undefined }),
    iptables: known([{ family: 4, program: 'iptables-nft', saved: emptyIptables.join('\n') }]),
    nft: known([]),
    cni: known({ files: [], ours: [], versions: [], lack: '', plugin: 'unknown' }),
    seeds: [
      {
        seed: '10.0.1.71',
        addresses: ['10.0.1.71'],
        answer: { outcome: 'answered', error: '', ms: 1 },
      },
    ],
    ways: {
      from: ['172.16.0.1'],
      probed: [{ name: 'b', gateway: '172.16.4.1', outcome: 'answered', ms: 0.4 }],
      left: 0,
    },
    unprobed: '',
  }
}
