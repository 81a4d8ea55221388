/** Whether this host can run an agent at all. */

import type { KernelPart } from '../../adapters/doctor/host.ts'
import { type Check, type Facts, fail, judged, ok, type Setup, unknown, warn } from './check.ts'

export const hostChecks: readonly Check[] = [
  {
    code: 'capability',
    group: 'host',
    reads: 'CapEff of /proc/self/status, where no agent runs',
    wrong: 'Without CAP_NET_ADMIN no route can be written: the agent does not start.',
    mend: 'Run it as root, or give its container the capability NET_ADMIN.',
    judge: ({ agent, netAdmin }) => {
      if (agent) return [ok('the agent has CAP_NET_ADMIN')]
      return judged(netAdmin, 'whether CAP_NET_ADMIN is there', (has) => [
        has
          ? ok('CAP_NET_ADMIN is there')
          : fail(
              'CAP_NET_ADMIN is missing: an agent that is started like this does not run',
              'run it as root, or give its container the capability NET_ADMIN',
            ),
      ])
    },
  },
  {
    code: 'kernel',
    group: 'host',
    reads: '/proc/config.gz or /boot/config-*, /lib/modules, /sys/module',
    wrong:
      'The kernel lacks bridges, veth pairs, nftables (`masquerade`) or iptables (`openForward`).',
    mend: 'Load or install the module, or boot another kernel.',
    judge: judgeKernel,
  },
  {
    code: 'state-space',
    group: 'host',
    reads: 'free space and files of the file system of `stateDir`',
    wrong: 'Below 32 MiB it warns, below 1 MiB it fails: claims and leases cannot be stored.',
    mend: 'Free space on that file system, or name another directory with --state-dir.',
    judge: ({ state }) =>
      judged(state, 'room for state', ({ path, freeBytes, freeFiles }) => {
        const mend = `free space there (df -h ${path}; df -i ${path}), or name another directory with --state-dir`
        if (freeFiles === 0) return [fail(`no further file can be made in ${path}`, mend)]
        const text = `${size(freeBytes)} are free in ${path}`
        if (freeBytes < mebibyte) return [fail(text, mend)]
        return [freeBytes < 32 * mebibyte ? warn(text, mend) : ok(text)]
      }),
  },
  {
    code: 'state-write',
    group: 'host',
    reads: 'one file that is written, synced and removed in `stateDir`',
    wrong:
      'Each address is durable before it is granted. From 100 ms on it warns; from 2 s on, and where nothing can be written, it fails.',
    mend: 'Look at the disk, or name a faster one with --state-dir.',
    judge: judgeWrite,
  },
]

const mebibyte = 1_048_576

const size = (bytes: number): string =>
  bytes >= 1_024 * mebibyte
    ? `${Math.floor(bytes / 1_024 / mebibyte)} GiB`
    : `${Math.floor(bytes / mebibyte)} MiB`

function judgeKernel({ setup, kernel }: Facts) {
  const needed = neededParts(setup)
  if (needed.length === 0) return []
  const of = (presence: string) => needed.filter((part) => kernel[part] === presence)
  const [absent, unsure] = [of('absent'), of('unknown')]
  if (absent.length > 0) {
    return [
      fail(
        `the kernel lacks ${absent.map((part) => names[part]).join(', ')}`,
        `modprobe ${absent.join(' ')}; where that fails, install the kernel's modules or boot another kernel`,
      ),
    ]
  }
  if (unsure.length > 0) {
    return [
      unknown(
        `whether the kernel has ${unsure.map((part) => names[part]).join(', ')}: neither its configuration nor its modules are to be seen`,
        'run starling doctor on the host itself',
      ),
    ]
  }
  return [ok(`the kernel has ${needed.map((part) => names[part]).join(', ')}`)]
}

function neededParts({ bridge, masquerades, opens }: Setup): KernelPart[] {
  return [
    ...(bridge === '' ? [] : (['bridge', 'veth'] as const)),
    ...(masquerades ? (['nf_tables', 'nft_masq'] as const) : []),
    ...(opens ? (['ip_tables'] as const) : []),
  ]
}

const names: Readonly<Record<KernelPart, string>> = {
  bridge: 'bridges',
  veth: 'veth pairs',
  nf_tables: 'nftables',
  nft_masq: 'masquerading',
  ip_tables: 'iptables',
}

function judgeWrite({ setup, state, write }: Facts) {
  const path = state.isKnown ? state.value.path : setup.stateDir
  const look = `look at the disk (dmesg; findmnt -T ${path}), or name another directory with --state-dir`
  if ('ms' in write) {
    const text = `a write to ${path} is durable after ${Math.max(0.1, write.ms).toFixed(1)} ms`
    if (write.ms >= 2_000) return [fail(`${text}: no address is granted`, look)]
    return [write.ms >= 100 ? warn(`${text}: addresses are granted as slowly`, look) : ok(text)]
  }
  switch (write.error) {
    case 'EACCES':
    case 'EPERM':
      return [unknown(`whether ${path} can be written: not by this user`, 'run it as root')]
    case 'ETIMEDOUT':
      return [fail(`a write to ${path} is not durable after 5 s: the disk hangs`, look)]
    case 'EROFS':
      return [fail(`${path} is read-only`, `mount it writable: mount -o remount,rw ${path}`)]
    case 'ENOSPC':
    case 'EDQUOT':
      return [fail(`${path} is full`, `free space there: df -h ${path}`)]
    default:
      return [fail(`${path} cannot be written (${write.error})`, look)]
  }
}
