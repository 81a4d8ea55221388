/** Codes about the addresses of this host's containers, and the doors through which runtimes ask for them. */

import type { Attachment } from '../ipam/lease.ts'
import { type Codes, node, otherName, prefix } from './code.ts'

const address = '172.16.8.7'
const attachment: Attachment = { door: 'cni', network: 'pods', id: '4f2a9c', ifname: 'eth0' }

export const addressCodes = {
  'lease-granted': {
    meaning: 'A container got an address.',
    examples: [{ code: 'lease-granted', address, ...attachment }],
  },
  'lease-released': {
    meaning: 'The runtime, Docker or a person gave an address back.',
    examples: [{ code: 'lease-released', address, ...attachment }],
  },
  'lease-leaked': {
    meaning: 'A container ended without giving its address back, so the agent freed it.',
    examples: [{ code: 'lease-leaked', address, ...attachment }],
  },
  'leases-void': {
    meaning: 'Once after a boot of the host: no container of before it runs any more.',
    examples: [{ code: 'leases-void', leases: 12 }],
  },
  'leaks-held-back': {
    meaning:
      'Nothing breaks. The addresses stay held until their containers are seen again, or released by hand.',
    examples: [{ code: 'leaks-held-back', leases: 12 }],
  },
  'subnet-exhausted': {
    meaning: 'New containers get no address. Those that run are not concerned.',
    examples: [{ code: 'subnet-exhausted', prefix }],
  },
  'leases-unreadable': {
    meaning:
      'New containers get no address, and none is released. Routes and running containers stay.',
    examples: [
      {
        code: 'leases-unreadable',
        reason:
          '/var/lib/starling/leases is gone, though addresses were granted: restore it from a backup, or rebuild it from what runs: starling ip adopt',
      },
    ],
  },
  'leases-unwritable': {
    meaning:
      'New containers get no address, and none is released. Routes and running containers stay.',
    examples: [{ code: 'leases-unwritable', reason: 'ENOSPC' }],
  },
  'leases-slow': {
    meaning: 'New containers wait, or fail to start. Routes and running containers stay.',
    examples: [{ code: 'leases-slow' }],
  },
  'address-lost': {
    meaning:
      'After a partition two containers have one address, and the one of this host is cut off. It is said once for each.',
    examples: [{ code: 'address-lost', address, node, name: otherName, ...attachment }],
  },
  'addresses-lost': {
    meaning: 'Those containers are cut off until they are restarted. `address-lost` says which.',
    examples: [{ code: 'addresses-lost', addresses: 2 }],
  },
  'addresses-kept': {
    meaning: 'Nothing breaks: after a lost subnet its containers here are routed to one by one.',
    examples: [{ code: 'addresses-kept', addresses: 2, prefix, name: otherName }],
  },
  'addresses-left': {
    meaning: 'The other side of `addresses-kept`: this node grants those addresses to nobody else.',
    examples: [{ code: 'addresses-left', addresses: 2, node, name: otherName }],
  },
  'door-shut': {
    meaning: 'New containers of that runtime get no address. Those that run are not concerned.',
    examples: [
      {
        code: 'door-shut',
        subject: 'Docker',
        reason: 'cannot listen on /run/docker/plugins/starling.sock (EROFS)',
      },
    ],
  },
  'network-unwritten': {
    meaning: 'Only with `--cni-conf-dir`: runtimes find no network, or an older one.',
    examples: [
      {
        code: 'network-unwritten',
        subject: '/etc/cni/net.d',
        reason: "EROFS: read-only file system, mkdir '/etc/cni/net.d': let starling write there",
      },
    ],
  },
  'network-preceded': {
    meaning:
      'Only with `--cni-conf-dir`: new containers get addresses elsewhere, to which no route leads.',
    examples: [
      {
        code: 'network-preceded',
        subject: '/etc/cni/net.d',
        reason: '/etc/cni/net.d/05-other.conflist',
      },
    ],
  },
} satisfies Partial<Codes>
