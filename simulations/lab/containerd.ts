/** containerd on a host of the lab: in its network namespace, with directories and CNI networks of its own. */

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { path } from '../../setup/machine.ts'
import { end } from '../chaos/daemon.ts'
import { copyPrograms } from '../chaos/image.ts'
import { removeRemains } from '../chaos/remains.ts'
import { Container } from './container.ts'
import type { LabHost } from './host.ts'
import { ip, LabError } from './iproute.ts'

/** CRI's Pods have a loopback interface by a plugin. */
const plugins = ['bridge', 'portmap', 'bandwidth', 'loopback'] as const

const withoutCri = 'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
/** `image` holds a Pod's namespaces. Negative scores are forbidden where the tests run. */
const withCri = (image: string): string => `[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${image}"
  restrict_oom_score_adj = true
`

export class LabContainerd {
  readonly #host: LabHost
  readonly #directory: string
  readonly #sandboxImage: string | undefined
  #daemon: ChildProcess | undefined

  /** With `sandboxImage` it serves kubelets, and `ctr` shows their containers. */
  constructor(host: LabHost, sandboxImage?: string) {
    this.#host = host
    this.#sandboxImage = sandboxImage
    this.#directory = join(host.directory, 'containerd')
  }

  /** Where this host's runtimes find plugins and networks, as /opt/cni/bin and /etc/cni/net.d. */
  get binDir(): string {
    return join(this.#directory, 'bin')
  }
  get confDir(): string {
    return join(this.#directory, 'etc/cni/net.d')
  }

  /** Where libcni, in this host's runtimes, remembers what it was answered. */
  get cacheDir(): string {
    return join(this.root, 'var/lib/cni/results')
  }

  /** The filesystem as this host's runtimes and the plugins see it. */
  get root(): string {
    return `/proc/${this.#daemon?.pid}/root`
  }

  get socket(): string {
    return join(this.#directory, 'containerd.sock')
  }

  /** Resolves when it answers. */
  async start(): Promise<void> {
    const directory = this.#directory
    await mkdir(this.binDir, { recursive: true })
    for (const plugin of plugins) await cp(join('/usr/lib/cni', plugin), join(this.binDir, plugin))
    const root = join(directory, 'container')
    await mkdir(root)
    await copyPrograms(root, ['sleep'])
    const image = this.#sandboxImage
    const settings = `version = 2\n${image === undefined ? withoutCri : withCri(image)}`
    await writeFile(join(directory, 'config.toml'), settings)
    const mounts = [
      // Shared with nobody, and as systemd has them: Pods may ask to see what is mounted later.
      'mount --make-rprivate / && mount --make-rshared /',
      // Debian's iptables is found by a link in /etc.
      `cp -a /etc '${directory}' && mkdir -p '${this.confDir}' && mount --bind '${directory}/etc' /etc`,
      `mount -t tmpfs tmpfs /opt && mkdir -p /opt/cni/bin && mount --bind '${this.binDir}' /opt/cni/bin`,
      // The shims' sockets, and what libcni remembers.
      'mount -t tmpfs tmpfs /run',
      'mount -t tmpfs tmpfs /var/lib',
    ]
    const command = [
      'exec containerd',
      `--config '${directory}/config.toml' --address '${this.socket}'`,
      `--root '${directory}/root' --state '${directory}/state'`,
    ]
    const script = [...mounts, command.join(' ')].join(' && ')
    const words = [`--net=/run/netns/${this.#host.namespace}`, 'unshare', '--mount', 'sh', '-c']
    const daemon = spawn('nsenter', [...words, script], {
      // Not in our process group: the terminal's Ctrl-C ends us, and we end it.
      detached: true,
      env: { ...process.env, PATH: path },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.#daemon = daemon
    let said = ''
    await new Promise<void>((resolve, reject) => {
      daemon.stderr.on('data', (chunk: Buffer) => {
        said += chunk
        if (said.includes('containerd successfully booted')) resolve()
      })
      daemon.once('exit', () => reject(new LabError('not-seen', `containerd ended:\n${said}`)))
    })
  }

  /** As `ctr run --cni` starts it, which stays until the container ends. `further` are flags. */
  run(id: string, ...further: readonly string[]): ChildProcess {
    const place = ['--cgroup', `/${this.#host.namespace}/${id}`, '--rootfs']
    const root = join(this.#directory, 'container')
    const words = ['run', '--cni', ...further, ...place, root, id, '/bin/sleep', '100000']
    return spawn('nsenter', this.#words(words), {
      env: { ...process.env, PATH: path },
      stdio: ['ignore', 'inherit', 'inherit'],
    })
  }

  async ctr(...words: readonly string[]): Promise<string> {
    const env = { ...process.env, PATH: path }
    const { stdout } = await promisify(execFile)('nsenter', this.#words(words), { env })
    return stdout
  }

  /** Of the container's first process; undefined while it has none. */
  async pidOf(id: string): Promise<number | undefined> {
    const line = (await this.ctr('task', 'ls'))
      .split('\n')
      .find((each) => each.startsWith(`${id} `))
    const [, pid, state] = line?.split(/\s+/) ?? []
    return state === 'RUNNING' ? Number(pid) : undefined
  }

  /** Nothing of the container is left, and nobody has called DEL where it was started with `--detach`. */
  async drop(id: string): Promise<void> {
    await this.ctr('task', 'rm', '--force', id)
    await this.ctr('container', 'rm', id)
  }

  /** Joins the network namespace of a container that has this address. */
  async join(id: string, address: string): Promise<Container> {
    const namespace = `${this.#host.namespace}-${id}`
    await ip(`netns attach ${namespace} ${await this.pidOf(id)}`)
    const container = new Container(`${this.#host.name}/${id}`, namespace, address)
    await container.start()
    this.#host.containers.push(container)
    return container
  }

  /** Ends it, and removes all that it and its containers left, the host's namespace included. */
  async remove(): Promise<void> {
    await Promise.all(this.#host.containers.map((container) => container.stop()))
    if (this.#daemon) await end(this.#daemon)
    await removeRemains({ namespace: this.#host.namespace, directory: this.#directory })
  }

  /** In the daemon's network and mounts, where a runtime's plugins are run. */
  #words(words: readonly string[]): string[] {
    const pid = this.#daemon?.pid
    return [
      `--mount=/proc/${pid}/ns/mnt`,
      `--net=/proc/${pid}/ns/net`,
      'ctr',
      '--address',
      this.socket,
      ...(this.#sandboxImage === undefined ? [] : ['--namespace', 'k8s.io']),
      ...words,
    ]
  }
}

/** Resolves with its exit code. */
export async function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  return child.exitCode
}
