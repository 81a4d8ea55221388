/** dockerd on a host of the lab: in its network namespace, with directories and a /run of its own. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { path } from '../../setup/machine.ts'
import { end, ready } from '../chaos/daemon.ts'
import { Docker } from '../chaos/docker.ts'
import { removeRemains } from '../chaos/remains.ts'
import { Container } from './container.ts'
import type { LabHost } from './host.ts'
import { ip } from './iproute.ts'

export class LabDockerd {
  readonly docker: Docker
  /** As DOCKER_HOST has it. */
  readonly endpoint: string
  /** Where the dockerd of this host looks for the driver starling. */
  readonly plugin: string
  readonly #host: LabHost
  readonly #directory: string
  /** Holds the mount namespace, so that containers outlive their dockerd. */
  #keeper: ChildProcess | undefined
  #daemon: ChildProcess | undefined

  constructor(host: LabHost) {
    this.#host = host
    this.#directory = join(host.directory, 'docker')
    this.endpoint = `unix://${join(this.#directory, 'docker.sock')}`
    this.docker = new Docker(this.endpoint)
    this.plugin = join(host.directory, 'plugins', 'starling.sock')
  }

  /** Makes the mount namespace, in which the plugins of this host are those that Docker finds. */
  async prepare(): Promise<void> {
    const plugins = join(this.#host.directory, 'plugins')
    await mkdir(plugins, { recursive: true })
    await mkdir(this.#directory, { recursive: true })
    const script = [
      'mount -t tmpfs tmpfs /run',
      'mkdir -p /run/docker/plugins',
      `mount --bind '${plugins}' /run/docker/plugins`,
      'echo ready',
      // It ends with us, whatever becomes of us.
      'exec cat',
    ].join(' && ')
    const words = [`--net=/run/netns/${this.#host.namespace}`, 'unshare', '--mount', 'sh', '-c']
    const keeper = spawn('nsenter', [...words, script], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#keeper = keeper
    await Promise.race([
      once(keeper.stdout, 'data'),
      once(keeper, 'exit').then(([code]) => {
        throw new Error(`${this.#host.name}: no mount namespace, exit code ${code}`)
      }),
    ])
  }

  async start(): Promise<void> {
    const directory = this.#directory
    const daemon = spawn(
      'nsenter',
      [
        ...[`--mount=/proc/${this.#keeper?.pid}/ns/mnt`],
        ...[`--net=/run/netns/${this.#host.namespace}`],
        'dockerd',
        ...['--data-root', join(directory, 'data')],
        ...['--exec-root', join(directory, 'exec')],
        ...['--pidfile', join(directory, 'dockerd.pid')],
        ...['--host', this.endpoint],
        // By it the processes of a killed run are found.
        ...['--cgroup-parent', `/${this.#host.namespace}`],
        ...['--bridge=none', '--live-restore'],
      ],
      {
        // Not in our process group: the terminal's Ctrl-C ends us, and we end it.
        detached: true,
        env: { ...process.env, PATH: path },
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    )
    this.#daemon = daemon
    await ready(daemon)
  }

  /** Containers run on. */
  async stop(): Promise<void> {
    if (this.#daemon) await end(this.#daemon)
  }

  /** Starts a container that sleeps, and joins its network namespace. */
  async run(name: string, ...words: readonly string[]): Promise<Container> {
    await this.docker.run('run', '--detach', '--name', name, ...words)
    return this.join(name)
  }

  async join(name: string): Promise<Container> {
    const format = '{{.State.Pid}} {{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}'
    const printed = await this.docker.run('inspect', '--format', format, name)
    const [pid, address = ''] = printed.trim().split(' ')
    const namespace = `${this.#host.namespace}-${name}`
    await ip(`netns attach ${namespace} ${pid}`)
    const container = new Container(`${this.#host.name}/${name}`, namespace, address)
    await container.start()
    this.#host.containers.push(container)
    return container
  }

  /** Ends it, and removes all that it and its containers left, the host's namespace included. */
  async remove(): Promise<void> {
    await this.stop()
    await Promise.all(this.#host.containers.map((container) => container.stop()))
    if (this.#keeper) await end(this.#keeper)
    await removeRemains({ namespace: this.#host.namespace, directory: this.#directory })
  }
}
