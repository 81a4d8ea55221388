/** A Docker daemon to work with: the one that answers, or one of our own that leaves no trace on the machine. */

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

export interface Daemon {
  readonly docker: Docker
  /** How it came to be, for people. */
  readonly origin: string
  /** Ends it if it is ours. */
  stop(): Promise<void>
}

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

/** The daemon that the client finds by itself, or else one of our own called `name`. */
export async function anyDaemon(name: string): Promise<Daemon> {
  const docker = new Docker()
  const { exitCode, stdout } = await docker.attempt(
    ['version', '--format', '{{.Server.Version}}'],
    {
      timeoutMs: 10_000,
    },
  )
  if (exitCode !== 0) return ownDaemon(name)
  return {
    docker,
    origin: `the dockerd ${stdout.trim()} that answers`,
    stop: async () => undefined,
  }
}

/**
 * A daemon in a network namespace of its own: its bridges, its firewall and its sysctls are not the machine's. Removes
 * first what a killed run of this name left.
 */
export async function ownDaemon(name: string): Promise<Daemon> {
  const place = placeOf(name)
  await removeRemains(place)
  await mkdir(place.directory, { recursive: true })
  await ip(`netns add ${place.namespace}`)
  await ip(`-n ${place.namespace} link set lo up`)
  const socket = join(place.directory, 'docker.sock')
  const child = spawn('nsenter', daemonWords(place, socket), {
    // Not in our process group: the terminal's Ctrl-C ends us, and we end it.
    detached: true,
    env: { ...process.env, PATH: path },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const stop = async () => {
    await end(child)
    await removeRemains(place)
    await rm(place.directory, { recursive: true, force: true })
  }
  try {
    await ready(child)
  } catch (error) {
    await stop()
    throw error
  }
  return { docker: new Docker(`unix://${socket}`), origin: 'a dockerd of our own', stop }
}

/** What a killed run of this name left, where it left something. */
export const removeDaemon = (name: string): Promise<void> => removeRemains(placeOf(name))

const placeOf = (name: string): Place => ({
  namespace: `${name}-docker`,
  directory: join(tmpdir(), `${name}-docker`),
})

function daemonWords(place: Place, socket: string): string[] {
  const { namespace, directory } = place
  return [
    `--net=/run/netns/${namespace}`,
    'dockerd',
    ...['--data-root', join(directory, 'data')],
    ...['--exec-root', join(directory, 'exec')],
    ...['--pidfile', join(directory, 'dockerd.pid')],
    ...['--host', `unix://${socket}`],
    // By it the processes of a killed run are found.
    ...['--cgroup-parent', `/${namespace}`],
    ...['--iptables=false', '--ip6tables=false', '--ip-forward=false', '--bridge=none'],
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
