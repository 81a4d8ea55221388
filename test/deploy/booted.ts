/** A directory with a Debian, booted on a host of the lab: systemd is its first process and sees nothing of the machine's. */

import { type ChildProcess, spawn } from 'node:child_process'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Outcome } from '../../simulations/chaos/docker.ts'
import { removeRemains } from '../../simulations/chaos/remains.ts'
import type { LabHost } from '../../simulations/lab/host.ts'
import { until } from '../e2e/lab.ts'
import { type BareDebian, outcomeOf } from './bare-debian.ts'

/** What a boot starts besides: it would set the sysctls of this machine, and takes time. */
const wants = ['sysinit', 'sockets', 'timers', 'multi-user', 'graphical', 'local-fs', 'getty']
const units = '/usr/lib/systemd/system'

export class Booted {
  readonly #host: LabHost
  readonly #debian: BareDebian
  readonly #process: ChildProcess
  #pid = 0

  private constructor(host: LabHost, debian: BareDebian, process: ChildProcess) {
    this.#host = host
    this.#debian = debian
    this.#process = process
  }

  static async boot(host: LabHost, debian: BareDebian): Promise<Booted> {
    for (const name of wants)
      await rm(join(debian.root, units, `${name}.target.wants`), { recursive: true, force: true })
    const script = scriptOf(host.namespace, debian.root, await controlGroups())
    const words = [`--net=/run/netns/${host.namespace}`, 'sh', '-c', script]
    const child = spawn('nsenter', words, { stdio: ['ignore', 'inherit', 'inherit'] })
    const booted = new Booted(host, debian, child)
    try {
      await booted.#ready()
      return booted
    } catch (error) {
      await booted.remove()
      throw error
    }
  }

  async #ready(): Promise<void> {
    const { pid } = this.#process
    this.#pid = await until('systemd starts', async () => {
      const [first = ''] = (await present(`/proc/${pid}/task/${pid}/children`)).split(' ')
      return (await present(`/proc/${first}/comm`)) === 'systemd\n' && Number(first)
    })
    await until('systemd has booted', async () => {
      const { stdout } = await this.run('systemctl', 'is-system-running')
      return ['running', 'degraded'].includes(stdout.trim())
    })
  }

  /** Resolves whatever the outcome. */
  run(...words: readonly string[]): Promise<Outcome> {
    const namespaces = ['--mount', '--net', '--pid', '--uts', '--ipc', '--cgroup', '--root', '--wd']
    return outcomeOf(['nsenter', '--target', String(this.#pid), ...namespaces, ...words])
  }

  /** A property of a unit, as systemd has it. */
  async property(unit: string, name: string): Promise<string> {
    return (await this.run('systemctl', 'show', '--value', '--property', name, unit)).stdout.trim()
  }

  /** Removes all that it made, its host's namespace and the directory included. */
  async remove(): Promise<void> {
    this.#process.kill('SIGKILL')
    await removeRemains({ namespace: this.#host.namespace, directory: this.#debian.root })
  }
}

/** Empty where the process has ended. */
const present = (file: string): Promise<string> => readFile(file, 'latin1').catch(() => '')

/** Every hierarchy of control groups that a process may be moved in without more ado. */
async function controlGroups(): Promise<string[]> {
  const mounts = (await readFile('/proc/self/mounts', 'utf8')).split('\n')
  return mounts
    .map((line) => line.split(' '))
    .filter(([, , type]) => type === 'cgroup' || type === 'cgroup2')
    .map(([, path = '']) => path)
    .filter((path) => !path.endsWith('/cpuset'))
}

/** For a shell: into control groups of its own, and then into the directory, as if that were all there is. */
function scriptOf(name: string, root: string, groups: readonly string[]): string {
  return [
    'set -e',
    ...groups.flatMap((group) => [
      `mkdir -p ${group}/${name}`,
      `echo $$ > ${group}/${name}/cgroup.procs`,
    ]),
    `exec unshare --mount --pid --fork --kill-child --uts --ipc --cgroup sh -c '${inside(name, root, groups)}'`,
  ].join('\n')
}

/** A root with kernel filesystems of its own, of which only the network's settings can be changed. */
function inside(name: string, root: string, groups: readonly string[]): string {
  const top = '/sys/fs/cgroup'
  return [
    'set -e',
    'mount --make-rprivate /',
    `mount --bind ${root} ${root}`,
    `cd ${root}`,
    'mount -t proc proc proc',
    'mount --bind proc/sys proc/sys',
    'mount --bind proc/sys/net proc/sys/net',
    'mount -o remount,bind,ro proc/sys',
    'mount -t sysfs sysfs sys',
    'mount --rbind /dev dev',
    'mount -t tmpfs -o mode=755 tmpfs run',
    ...(groups.includes(top) ? [] : [`mount -t tmpfs tmpfs .${top}`]),
    ...groups.flatMap((group) => [`mkdir -p .${group}`, `mount --bind ${group}/${name} .${group}`]),
    // As systemd does on a machine of its own.
    'mount --make-rshared run',
    'pivot_root . mnt',
    'umount --lazy mnt',
    // By this variable systemd knows that the machine is not its own.
    'exec env -i container=starling PATH=/usr/sbin:/usr/bin /usr/lib/systemd/systemd --system --unit=multi-user.target --log-target=null',
  ].join('\n')
}
