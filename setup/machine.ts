/** What the tests, the lab and the containers call on a machine besides Node, and the Debian packages that bring it. */

import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'

/** Commands, and files by their whole paths. What Debian counts as essential is not named. */
const needs = {
  iproute2: ['ip'],
  'util-linux': ['nsenter', 'setpriv', 'unshare'],
  mount: ['mount'],
  'docker.io': ['docker', 'dockerd'],
  'docker-compose': ['docker-compose'],
  containerd: ['containerd', 'ctr'],
  nftables: ['nft'],
  iptables: ['iptables-nft', 'iptables-legacy'],
  // For native/, and for what bench/ compares with and observes by; without it nothing is measured.
  gcc: ['cc'],
  'libc6-dev': ['/usr/include/stdio.h'],
  // The same for hosts of the other kind.
  'gcc-aarch64-linux-gnu': ['aarch64-linux-gnu-gcc'],
  'libc6-dev-arm64-cross': ['/usr/aarch64-linux-gnu/include/stdio.h'],
  'containernetworking-plugins': ['bridge', 'portmap', 'bandwidth', 'host-local', 'loopback'].map(
    (plugin) => `/usr/lib/cni/${plugin}`,
  ),
  // Certificates for the API over TCP, and a disk that can be made to fail.
  openssl: ['openssl'],
  e2fsprogs: ['mkfs.ext4'],
  // The same while a process runs.
  strace: ['strace'],
  // Clocks that were never set, and others that are wrong: it brings the library that sets them.
  faketime: ['faketime'],
  // What gRPC's reflection tells is made by it.
  'protobuf-compiler': ['protoc'],
  // Only recommended by the compiler: what protoc imports.
  'libprotobuf-dev': ['/usr/include/google/protobuf/empty.proto'],
  // Scrapes agents, and judges their metrics and alerts.
  prometheus: ['prometheus', 'promtool'],
  // A client in another language.
  'python3-grpcio': ['/usr/lib/python3/dist-packages/grpc/__init__.py'],
  'python3-protobuf': ['/usr/lib/python3/dist-packages/google/protobuf/__init__.py'],
  // Looks at the page that the agent serves.
  chromium: ['chromium'],
  // The Debian package is looked at, and booted in a Debian that is made of this machine's packages.
  lintian: ['lintian'],
  mandoc: ['mandoc'],
  // Words are completed in the shells themselves.
  zsh: ['zsh'],
  fish: ['fish'],
  systemd: ['systemd-analyze'],
} as const satisfies Readonly<Record<string, readonly string[]>>

export type Package = keyof typeof needs

export interface Lack {
  readonly package: Package
  /** What of it is not there. */
  readonly names: readonly string[]
}

/** The system's own programs first: an older docker client elsewhere in the path may not know the daemon's language. */
export const path = ['/usr/bin', '/usr/sbin', process.env.PATH ?? ''].join(delimiter)

/** What this machine lacks, one for each package. */
export function lacking(
  packages: readonly Package[] = Object.keys(needs) as Package[],
): readonly Lack[] {
  return packages
    .map((name) => ({ package: name, names: needs[name].filter((each) => !isThere(each)) }))
    .filter(({ names }) => names.length > 0)
}

/** "docker.io (docker, dockerd)" */
export const textOf = (lack: Lack): string => `${lack.package} (${lack.names.join(', ')})`

export function isThere(name: string): boolean {
  if (isAbsolute(name)) return hasAccess(name, constants.R_OK)
  const found = path
    .split(delimiter)
    .some((directory) => hasAccess(join(directory, name), constants.X_OK))
  return found || (name === 'docker-compose' && isPlugin('compose'))
}

function hasAccess(file: string, mode: number): boolean {
  try {
    accessSync(file, mode)
    return true
  } catch {
    return false
  }
}

/** Compose v2 is no command of its own. */
function isPlugin(name: string): boolean {
  const env = { ...process.env, PATH: path }
  return spawnSync('docker', [name, 'version'], { env, stdio: 'ignore' }).status === 0
}
