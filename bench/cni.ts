/** What a container's address costs a CNI runtime: `starling-ipam` in turns with `host-local`, alone and below `bridge`. */

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { CniRuntime } from '../simulations/lab/cni-runtime.ts'
import { compiled } from '../simulations/lab/compiler.ts'
import type { LabHost } from '../simulations/lab/host.ts'
import { ip } from '../simulations/lab/iproute.ts'
import { connectApi } from '../src/adapters/api/client.ts'
import { type Benchmark, figure } from './benchmark.ts'
import { noObserver, startAgents, withCluster } from './cluster.ts'

const debianDir = '/usr/lib/cni'
const contestants = ['starling-ipam', 'host-local'] as const
type Contestant = (typeof contestants)[number]
type Taken = Readonly<Record<Contestant, number[]>>

export const cni: Benchmark = async ({ quick, say }) => {
  if (!existsSync(join(debianDir, 'host-local'))) {
    return {
      figures: [],
      notes: [`no plugins in ${debianDir}: apt-get install containernetworking-plugins`],
    }
  }
  const rounds = quick ? 5 : 300
  const taken = await withCluster(2, async (cluster) => {
    await startAgents(cluster)
    const [host] = cluster.hosts
    if (!host) throw new Error('a cluster of two has a first host')
    const runtime = new CniRuntime(host)
    await runtime.install()
    const ipams = await ipamsOf(host)
    say(`${rounds} ADDs of each plugin alone, then of bridge with each, in turns`)
    return {
      alone: await measure(runtime, { rounds, ipams, plugin: undefined }),
      bridge: await measure(runtime, { rounds, ipams, plugin: join(debianDir, 'bridge') }),
    }
  })
  if (!taken) return { figures: [], notes: [noObserver] }
  const compare = (what: string, theirs: string, all: Taken) =>
    figure(what, 'ms', all['starling-ipam'], {
      against: { what: theirs, samples: all['host-local'] },
      goal: { ratioMin: 1, ratioOfP99Min: 1 },
    })
  return {
    figures: [
      compare('ADD of starling-ipam alone', 'host-local', taken.alone),
      compare('ADD of bridge with it', 'bridge with host-local', taken.bridge),
    ],
    notes: ['from the fork to the end of the process; each followed by a DEL that is not timed'],
  }
}

/** Both grant addresses of the agent's subnet. */
async function ipamsOf(host: LabHost): Promise<Readonly<Record<Contestant, object>>> {
  const client = await connectApi(host.socket)
  const { subnets } = await client.call('Leases', {}, 10_000)
  client.close()
  const [subnet] = subnets
  if (!subnet) throw new Error('an agent of a complete cluster has a subnet')
  return {
    'starling-ipam': { type: 'starling-ipam' },
    'host-local': {
      type: 'host-local',
      ranges: [[{ subnet: subnet.prefix, gateway: subnet.gateway }]],
      routes: [{ dst: '0.0.0.0/0' }],
      dataDir: join(host.directory, 'host-local'),
    },
  }
}

/** `plugin`: what calls them; undefined: the runtime does. */
async function measure(
  runtime: CniRuntime,
  {
    rounds,
    ipams,
    plugin,
  }: {
    rounds: number
    ipams: Readonly<Record<Contestant, object>>
    plugin: string | undefined
  },
): Promise<Taken> {
  const { host, binDir } = runtime
  const program = compiled(new URL('./plugins.c', import.meta.url))
  if (program === undefined) throw new Error('there is a compiler where there is an observer')
  const words: string[] = []
  for (const name of contestants) {
    const namespace = `${host.namespace}-${plugin ? 'b' : 'a'}-${name}`
    await ip(`netns add ${namespace}`)
    const configuration = join(host.directory, `${namespace}.json`)
    await writeFile(configuration, JSON.stringify(runtime.bridgeConf({ ipam: ipams[name] })))
    const own = join(name === 'starling-ipam' ? binDir : debianDir, name)
    words.push(name, plugin ?? own, configuration, `/run/netns/${namespace}`)
  }
  const { stdout } = await promisify(execFile)(
    'ip',
    ['netns', 'exec', host.namespace, program, String(rounds), ...words],
    { env: { ...process.env, CNI_PATH: `${binDir}:${debianDir}` } },
  )
  const lines = stdout.trim().split('\n')
  const took = (name: Contestant) =>
    lines
      .filter((line) => line.startsWith(`${name} `))
      .map((line) => Number(line.slice(name.length)) / 1e6)
  return { 'starling-ipam': took('starling-ipam'), 'host-local': took('host-local') }
}
