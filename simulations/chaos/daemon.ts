/** A Docker daemon of our own to work with, which leaves no trace on the machine. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { lacking, path, textOf } from '../../setup/machine.ts'
import { ip } from '../lab/iproute.ts'
import { Docker, DockerError } from './docker.ts'
import { type Place, removeRemains } from './remains.ts'

const readyWithinMs = 30_000
/** Lines kept of what it says; the oldest go first. */
const linesMax = 200

/** Rejects with a DockerError that says what the machine lacks. */
export async function requireDocker(): Promise<void> {
  const missing = lacking(['docker.io', 'docker-compose', 'util-linux'])
  if (missing.length === 0) return
  throw new DockerError(
    'not-installed',
    `containers need what this machine lacks, ${missing.map(textOf).join(', ')}: npm run setup`,
  )
}

/** In a network namespace of its own: its bridges, its firewall and its sysctls are not the machine's. */
export class Daemon {
  readonly docker: Docker
  readonly #place: Place
  #child: ChildProcess | undefined

  private constructor(place: Place) {
    this.#place = place
    this.docker = new Docker(`unix://${socketOf(place)}`)
  }

  /** Removes first what a killed run of this name left. */
  static async start(name: string): Promise<Daemon> {
    const place = placeOf(name)
    await removeRemains(place)
    await mkdir(place.directory, { recursive: true })
    await ip(`netns add ${place.namespace}`)
    await ip(`-n ${place.namespace} link set lo up`)
    const daemon = new Daemon(place)
    try {
      await daemon.startAgain()
    } catch (error) {
      await daemon.stop()
      throw error
    }
    return daemon
  }

  /** 0 while it does not run. */
  get pid(): number {
    return this.#child?.pid ?? 0
  }

  /** Of a crash its containers do not hear. */
  async crash(): Promise<void> {
    const child = this.#child
    if (!child) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
    this.#child = undefined
  }

  async startAgain(): Promise<void> {
    const child = spawn('nsenter', daemonWords(this.#place), {
      // Not in our process group: the terminal's Ctrl-C ends us, and we end it.
      detached: true,
      env: { ...process.env, PATH: path },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.#child = child
    await ready(child)
  }

  async stop(): Promise<void> {
    if (this.#child) await end(this.#child)
    await removeRemains(this.#place)
    await rm(this.#place.directory, { recursive: true, force: true })
  }
}

/** What a killed run of this name left, where it left something. */
export const removeDaemon = (name: string): Promise<void> => removeRemains(placeOf(name))

const placeOf = (name: string): Place => ({
  namespace: `${name}-docker`,
  directory: join(tmpdir(), `${name}-docker`),
})

const socketOf = ({ directory }: Place): string => join(directory, 'docker.sock')

function daemonWords(place: Place): string[] {
  const { namespace, directory } = place
  return [
    `--net=/run/netns/${namespace}`,
    'dockerd',
    ...['--data-root', join(directory, 'data')],
    ...['--exec-root', join(directory, 'exec')],
    ...['--pidfile', join(directory, 'dockerd.pid')],
    ...['--host', `unix://${socketOf(place)}`],
    // By it the processes of a killed run are found.
    ...['--cgroup-parent', `/${namespace}`],
    ...['--iptables=false', '--ip6tables=false', '--ip-forward=false', '--bridge=none'],
    // Containers outlive it.
    '--live-restore',
  ]
}

/** Resolves once it listens. Rejects with its last words. */
export async function ready(child: ChildProcess): Promise<void> {
  if (!child.stderr) throw new DockerError('daemon-failed', 'dockerd has no output')
  const lines: string[] = []
  const reader = createInterface({ input: child.stderr })
  const listening = new Promise<void>((resolve) => {
    reader.on('line', (line) => {
      lines.push(line)
      if (lines.length > linesMax) lines.shift()
      if (line.includes('API listen on')) resolve()
    })
  })
  const late = AbortSignal.timeout(readyWithinMs)
  const failed = Promise.race([
    once(child, 'exit').then(() => 'it ended'),
    once(late, 'abort').then(() => `not ready within ${readyWithinMs} ms`),
  ])
  const reason = await Promise.race([listening, failed])
  if (reason === undefined) return
  throw new DockerError('daemon-failed', `dockerd: ${reason}\n${lines.slice(-10).join('\n')}`)
}

export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await exited
}
