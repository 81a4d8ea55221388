/** `npm run compose-smoke`: image and docker-compose.yml proven on real containers, without any registry. */

import { requireLabMachine } from '../lab/iproute.ts'
import { Screen } from '../lab/screen.ts'
import { Cluster, volumes } from './cluster.ts'
import { anyDaemon, type Daemon, removeDaemon, requireDocker } from './daemon.ts'
import { type Docker, DockerError } from './docker.ts'
import { changes, footprint } from './footprint.ts'
import { buildImage } from './image.ts'
import { type Stage, scenarios } from './scenarios.ts'
import { removeWorkloads } from './workload.ts'

/** Begins the name of everything that is made. */
const name = 'starling-smoke'
const image = `${name}:latest`
const workloadPrefix = `${name}-w`

const screen = new Screen()
// What an interrupted run still waits for ends with the process.
process.exit(await main())

async function main(): Promise<number> {
  const interrupted = new Promise<'interrupted'>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.on(signal, () => resolve('interrupted'))
  })
  try {
    requireLabMachine()
    await requireDocker()
    // Before the footprint: what a killed run left is not the machine's.
    await removeDaemon(name)
    await removeWorkloads(workloadPrefix)
    const before = await footprint(name)
    const outcome = await withDaemon((daemon) => perform(daemon, interrupted))
    if (outcome === 'interrupted') return 130
    const changed = changes(before, await footprint(name))
    if (changed.length > 0)
      throw new DockerError('not-seen', `the machine is not as it was:\n${changed.join('\n')}`)
    screen.good('firewall, sysctls and interfaces of the machine are as they were')
    screen.title('All of it was seen.')
    return 0
  } catch (error) {
    screen.bad(textOf(error))
    return 1
  }
}

async function withDaemon<T>(use: (daemon: Daemon) => Promise<T>): Promise<T> {
  const daemon = await anyDaemon(name)
  screen.title(`Working with ${daemon.origin}.`)
  try {
    return await use(daemon)
  } finally {
    await daemon.stop()
  }
}

async function perform<T>({ docker }: Daemon, interrupted: Promise<T>): Promise<T | 'played'> {
  const cluster = new Cluster({ docker, project: name, image })
  // What a killed run left, where the daemon is not ours.
  await cluster.down()
  const present = new Set(await volumes(docker))
  try {
    const outcome = await Promise.race([play(docker, cluster), interrupted])
    if (outcome !== 'played') return outcome
  } catch (error) {
    throw new DockerError('not-seen', [textOf(error), ...(await stories(cluster))].join('\n'))
  } finally {
    await removeWorkloads(workloadPrefix)
    await cluster.down()
    await docker.attempt(['image', 'rm', image])
  }
  const left = [
    ...(await cluster.remains()),
    ...(await volumes(docker)).filter((volume) => !present.has(volume)),
  ]
  if (left.length > 0)
    throw new DockerError('not-seen', `docker compose down -v left ${left.join(' ')}`)
  screen.good('docker compose down -v left nothing behind')
  return 'played'
}

async function play(docker: Docker, cluster: Cluster): Promise<'played'> {
  screen.title('The image, built without a registry.')
  await buildImage(docker, image)
  const bytes = await docker.run('image', 'inspect', image, '--format', '{{.Size}}')
  screen.good(`it has ${(Number(bytes) / 1e6).toFixed(0)} MB`)
  const stage: Stage = { cluster, screen, workloads: [] }
  for (const scenario of scenarios) {
    screen.title(`${scenario.name}: ${scenario.promise}`)
    await scenario.play(stage)
  }
  return 'played'
}

async function stories(cluster: Cluster): Promise<string[]> {
  const hosts = await cluster.hosts()
  return Promise.all(hosts.map((host) => host.story()))
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
