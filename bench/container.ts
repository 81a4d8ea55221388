/** What a container costs: the size of the image, and the time from its start to the first route of another host. */

import { Cluster } from '../simulations/chaos/cluster.ts'
import { Daemon, requireDocker } from '../simulations/chaos/daemon.ts'
import { type Docker, DockerError, execute } from '../simulations/chaos/docker.ts'
import type { Host } from '../simulations/chaos/host.ts'
import { buildImage } from '../simulations/chaos/image.ts'
import { settle } from '../simulations/chaos/settle.ts'
import { now, Observer } from '../simulations/lab/observer.ts'
import { type Benchmark, figure, type Report } from './benchmark.ts'
import { noObserver, owned } from './cluster.ts'

const name = 'starling-bench'
const image = `${name}:latest`
const patienceMs = 60_000

export const container: Benchmark = async ({ quick, say }) => {
  const lacking = (await lackingDocker()) ?? (Observer.isAvailable ? undefined : noObserver)
  if (lacking !== undefined) return { figures: [], notes: [lacking] }
  const hosts = quick ? 2 : 3
  const rounds = quick ? 1 : 9
  const daemon = await Daemon.start(name)
  try {
    say(`${hosts} containers in a dockerd of our own, ${rounds} starts of each kind`)
    return await withImage(daemon.docker, (cluster) =>
      measure({ docker: daemon.docker, cluster, hosts, rounds }),
    )
  } finally {
    await daemon.stop()
  }
}

/** What keeps containers from being measured here. */
export async function lackingDocker(): Promise<string | undefined> {
  try {
    await requireDocker()
    return undefined
  } catch (error) {
    if (error instanceof DockerError) return error.message
    throw error
  }
}

/** A cluster of docker-compose.yml, of which nothing is left. */
export async function withImage<T>(
  docker: Docker,
  use: (cluster: Cluster) => Promise<T>,
): Promise<T> {
  const cluster = new Cluster({ docker, project: name, image })
  await buildImage(docker, image)
  try {
    return await use(cluster)
  } finally {
    await cluster.down()
    await docker.attempt(['image', 'rm', image])
  }
}

interface Stage {
  readonly docker: Docker
  readonly cluster: Cluster
  readonly hosts: number
  readonly rounds: number
}

async function measure({ docker, cluster, hosts, rounds }: Stage): Promise<Report> {
  const bytes = Number(await docker.run('image', 'inspect', image, '--format', '{{.Size}}'))
  await cluster.scale(hosts)
  await settle(await cluster.hosts())
  const stored: number[] = []
  const fresh: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    const [host] = await cluster.hosts()
    if (!host) throw new Error('a cluster has at least one host')
    await docker.run('stop', host.id)
    stored.push(await untilFirstRoute(docker, host))
    await settle(await cluster.hosts())
    // Its successor has neither its key nor its claim.
    await docker.run('exec', host.id, 'starling', 'leave')
    await cluster.remove(host)
    await cluster.compose('up', '--no-start', '--no-build', '--scale', `host=${hosts}`)
    fresh.push(await untilFirstRoute(docker, await ended(cluster)))
    await settle(await cluster.hosts())
  }
  return {
    figures: [
      figure('image', 'MB', [bytes / 1e6], { goal: { medianMax: 200 } }),
      figure('docker start to first route, stored claim', 'ms', stored, {
        goal: { medianMax: 2_000 },
      }),
      figure('docker start to first route, no state', 'ms', fresh),
    ],
    notes: [`one of ${hosts} hosts of docker-compose.yml; the others run`],
  }
}

async function ended(cluster: Cluster): Promise<Host> {
  for (const host of await cluster.hosts()) if ((await host.pid()) === 0) return host
  throw new Error('every host runs')
}

/** Ms from `docker start` until its kernel has a route to another host. */
async function untilFirstRoute(docker: Docker, host: Host): Promise<number> {
  const startedAt = now()
  await docker.run('start', host.id)
  const namespace = `/proc/${await host.pid()}/ns/net`
  const observer = await Observer.start([namespace])
  if (!observer) throw new Error(noObserver)
  try {
    return (await firstRoute(observer, namespace)) - startedAt
  } finally {
    await observer.stop()
  }
}

function firstRoute(observer: Observer, namespace: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const patience = setTimeout(
      () => end(() => reject(new Error(`no route within ${patienceMs} ms of a container's start`))),
      patienceMs,
    )
    const stop = observer.listen(({ type, protocol, at }) => {
      if (type === 'added' && protocol === owned) end(() => resolve(at))
    })
    const end = (how: () => void) => {
      clearTimeout(patience)
      stop()
      how()
    }
    // One that came before anybody looked is told by nobody: what it took is then measured too long.
    execute(['nsenter', `--net=${namespace}`, 'ip', 'route', 'show', 'proto', `${owned}`]).then(
      ({ stdout }) => stdout !== '' && end(() => resolve(now())),
      (error: unknown) => end(() => reject(error)),
    )
  })
}
