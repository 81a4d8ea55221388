/** What a whole cluster of containers costs that starts at once: from `docker start` until every kernel is complete. */

import type { Cluster } from '../simulations/chaos/cluster.ts'
import { Daemon } from '../simulations/chaos/daemon.ts'
import type { Docker } from '../simulations/chaos/docker.ts'
import { settle } from '../simulations/chaos/settle.ts'
import { now, Observer } from '../simulations/lab/observer.ts'
import { type Benchmark, type Figure, figure } from './benchmark.ts'
import { noObserver, owned } from './cluster.ts'
import { lackingDocker, withImage } from './container.ts'

const patienceMs = 180_000
const lookMs = 500

export const containers: Benchmark = async ({ quick, say }) => {
  const lacking = (await lackingDocker()) ?? (Observer.isAvailable ? undefined : noObserver)
  if (lacking !== undefined) return { figures: [], notes: [lacking] }
  const daemon = await Daemon.start('starling-bench')
  try {
    return await withImage(daemon.docker, async (cluster) => {
      const figures: Figure[] = []
      for (const hosts of quick ? [2, 3] : [4, 8, 16, 32]) {
        say(`${hosts} containers in a dockerd of our own`)
        figures.push(...(await startAtOnce(daemon.docker, cluster, hosts)))
        await cluster.down()
      }
      return {
        figures,
        notes: ['docker start takes one container after the other; the hosts share the two cores'],
      }
    })
  } finally {
    await daemon.stop()
  }
}

async function startAtOnce(docker: Docker, cluster: Cluster, hosts: number): Promise<Figure[]> {
  await cluster.compose('up', '--no-start', '--no-build', '--scale', `host=${hosts}`)
  const ids = (await cluster.hosts()).map(({ id }) => id)
  const fromMs = now()
  await docker.run('start', ...ids)
  const startedMs = now() - fromMs
  const pids = await Promise.all((await cluster.hosts()).map((host) => host.pid()))
  const observer = await Observer.start(pids.map((pid) => `/proc/${pid}/ns/net`))
  if (!observer) throw new Error(noObserver)
  let changedMs = startedMs
  const stop = observer.listen(({ protocol, at }) => {
    if (protocol === owned) changedMs = at - fromMs
  })
  try {
    const end = performance.now() + patienceMs
    while (!(await isComplete(cluster, hosts))) {
      if (performance.now() > end) throw new Error(`${hosts} containers: not all have all routes`)
      await new Promise((resolve) => setTimeout(resolve, lookMs))
    }
    const completeMs = changedMs
    await settle(await cluster.hosts())
    return [
      figure(`docker start of ${hosts}`, 'ms', [startedMs]),
      figure(`${hosts}: from its begin to the last route in the last kernel`, 'ms', [completeMs]),
    ]
  } finally {
    stop()
    await observer.stop()
  }
}

async function isComplete(cluster: Cluster, hosts: number): Promise<boolean> {
  for (const host of await cluster.hosts()) {
    if ((await host.routes()).length !== hosts - 1) return false
  }
  return true
}
