/** Codes about the host: its kernel, bridge, forwarding, firewall, uplink and state directory. */

import type { Codes } from './code.ts'

export const hostCodes = {
  'uplink-located': {
    meaning:
      'The interface and the addresses by which other hosts reach this one are known, or changed.',
    examples: [{ code: 'uplink-located', name: 'eth0', nextHops: ['10.0.1.73'] }],
  },
  'uplink-missing': {
    meaning: 'No other host routes to this one: its containers are cut off from those of others.',
    examples: [
      { code: 'uplink-missing', lack: { type: 'none' } },
      { code: 'uplink-missing', lack: { type: 'several', names: ['eth0', 'eth1'] } },
      { code: 'uplink-missing', lack: { type: 'absent', wanted: 'eth9', names: ['eth0'] } },
    ],
  },
  'kernel-resync': {
    meaning: "The kernel's routes are read anew: when asked to, or when notifications were lost.",
    examples: [{ code: 'kernel-resync', reason: 'asked for' }],
  },
  'kernel-unreadable': {
    meaning: 'Routes stay as they are. What others change meanwhile is not noticed.',
    examples: [{ code: 'kernel-unreadable', reason: 'ENOBUFS' }],
  },
  'kernel-forbidden': {
    meaning: 'No route can be written: those in the kernel stay as they are.',
    examples: [{ code: 'kernel-forbidden' }],
  },
  'monitor-died': {
    meaning: 'Routes stay right, but changes by others are noticed later than usual.',
    examples: [{ code: 'monitor-died', subject: 'kernel monitor', reason: 'SIGKILL' }],
  },
  'bridge-configured': {
    meaning: 'The bridge that containers attach to is up, with the gateway addresses.',
    examples: [{ code: 'bridge-configured', name: 'starling0', addresses: ['172.16.8.1/22'] }],
  },
  'bridge-failed': {
    meaning: 'New containers on the bridge have no gateway, and reach no other host.',
    examples: [{ code: 'bridge-failed', name: 'starling0', error: 'EEXIST' }],
  },
  'forwarding-off': {
    meaning: 'Containers reach nothing outside of their host.',
    examples: [{ code: 'forwarding-off', error: 'net.ipv4.ip_forward cannot be set to 1 (EROFS)' }],
  },
  'forwarding-restored': {
    meaning:
      'Expected at the first start on a host. Later, something else switched forwarding off, and containers were cut off for a moment.',
    examples: (['first', 'again'] as const).map((how) => ({
      code: 'forwarding-restored',
      settings: ['net.ipv4.ip_forward'],
      how,
    })),
  },
  'firewall-failed': {
    meaning:
      'Only with `--masquerade` or `--open-forward`: containers may not reach the outside, or each other.',
    examples: [
      { code: 'firewall-failed', part: 'masquerade', error: 'nft is not there' },
      { code: 'firewall-failed', part: 'opening', error: 'iptables is not there' },
    ],
  },
  'firewall-restored': {
    meaning: 'Something else writes to our part of the firewall. It is back within a moment.',
    examples: [
      { code: 'firewall-restored', part: 'masquerade' },
      { code: 'firewall-restored', part: 'opening' },
    ],
  },
  'store-unwritable': {
    meaning: 'The agent works on. After a restart it knows less until it has asked its seeds.',
    examples: [{ code: 'store-unwritable', subject: 'known nodes', reason: 'ENOSPC' }],
  },
} satisfies Partial<Codes>
