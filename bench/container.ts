/** What a container costs: the size of the image, and the time from its start to the first route of another host. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { Cluster } from '../simulations/chaos/cluster.ts'
import { anyDaemon, requireDocker } from '../simulations/chaos/daemon.ts'
import { type Docker, DockerError, path } from '../simulations/chaos/docker.ts'
import type { Host } from '../simulations/chaos/host.ts'
import { buildImage } from '../simulations/chaos/image.ts'
import { settle } from '../simulations/chaos/settle.ts'
import { type Benchmark, figure, type Report } from './benchmark.ts'
import { now } from './observer.ts'

const name = 'starling-bench'
const image = `${name}:latest`
const patienceMs = 60_000

export const container: Benchmark = async ({ quick, say }) => {
  const lacking = await requireDocker().then(
    () => undefined,
    (error: unknown) => error,
  )
  if (lacking instanceof DockerError) return { figures: [], notes: [lacking.message] }
  if (lacking !== undefined) throw lacking
  const hosts = quick ? 2 : 3
  const rounds = quick ? 1 : 9
  const daemon = await anyDaemon(name)
  say(`${hosts} containers in ${daemon.origin}, ${rounds} starts of each kind`)
  const cluster = new Cluster({ docker: daemon.docker, project: name, image })
  try {
    // What a killed run left, where the daemon is not ours.
    await cluster.down()
    return await measure({ docker: daemon.docker, cluster, hosts, rounds })
  } finally {
    await cluster.down()
    await daemon.docker.attempt(['image', 'rm', image])
    await daemon.stop()
  }
}

interface Stage {
  readonly docker: Docker
  readonly cluster: Cluster
  readonly hosts: number
  readonly rounds: number
}

async function measure({ docker, cluster, hosts, rounds }: Stage): Promise<Report> {
  await buildImage(docker, image)
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
    await host.cli('leave')
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
  // This machine's `ip`, which sleeps until there is something to say, in the container's network.
  const words = ['--target', String(await host.pid()), '--net', 'ip', 'monitor', 'route']
  const monitor = spawn('nsenter', words, {
    env: { ...process.env, PATH: path },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    await firstRoute(monitor, host)
    return now() - startedAt
  } finally {
    monitor.kill()
    if (monitor.exitCode === null && monitor.signalCode === null) await once(monitor, 'exit')
  }
}

function firstRoute(monitor: ChildProcess, host: Host): Promise<void> {
  return new Promise((resolve, reject) => {
    if (!monitor.stdout) return reject(new Error('ip monitor has no output'))
    const patience = setTimeout(
      () => reject(new Error(`${host.name}: no route within ${patienceMs} ms`)),
      patienceMs,
    )
    createInterface({ input: monitor.stdout }).on('line', (line) => {
      if (!/^[0-9].*proto 83/.test(line)) return
      clearTimeout(patience)
      resolve()
    })
    monitor.once('exit', () => reject(new Error(`${host.name}: ip monitor ended`)))
  })
}
