/** Reads what the checks judge: of the agent, of this host, of the way to others. */

import { access, constants } from 'node:fs/promises'
import { type ApiClient, ApiError, connectApi } from '../../adapters/api/client.ts'
import { inspect } from '../../adapters/cni/installation.ts'
import { codeOf, known, unknown } from '../../adapters/doctor/fact.ts'
import { readIptables, readNft } from '../../adapters/doctor/firewall.ts'
import { readKernel, readNetAdmin } from '../../adapters/doctor/host.ts'
import { isSocketHere, readLinks, readSysctls } from '../../adapters/doctor/network.ts'
import { type Answer, inTurns, probe, resolveName } from '../../adapters/doctor/probe.ts'
import { readRoutes } from '../../adapters/doctor/routes.ts'
import { readDocker, readNetworkd, readNetworkManager } from '../../adapters/doctor/services.ts'
import { readStateDirectory, writeOnce } from '../../adapters/doctor/state-directory.ts'
import { seedPlace } from '../../config/seed.ts'
import { parseAddress } from '../../core/ip/address.ts'
import { version } from '../../version.ts'
import { answerMs } from '../session.ts'
import type { AgentFacts, Facts, SeedFacts, Setup } from './check.ts'
import { setupOf } from './setup.ts'
import { uplinkBy } from './uplink.ts'
import { probeWays } from './ways.ts'

/** `given`: the settings of an agent that would be started like this, for where none answers. */
export async function gatherFacts(
  agent: AgentFacts | string,
  given: Setup,
  all: boolean,
): Promise<Facts> {
  const answering = typeof agent === 'string' ? undefined : agent
  const setup = answering ? setupOf(answering.settings) : given
  const [seeds, routes, links] = await Promise.all([askSeeds(setup), readRoutes(), readLinks()])
  const places = seeds.flatMap(({ addresses }) => addresses)
  const uplink =
    answering?.status.uplink || setup.interface || uplinkBy(routes.routes, places, setup.bridge)
  const state = await readStateDirectory(setup.stateDir)
  const looked = [uplink, setup.bridge].filter((link) => links.has(link))
  const ways = answering ? await probeWays(answering, setup.port, all) : 'no agent answers'
  const [netAdmin, kernel, write, sysctls, canWriteSysctls] = await Promise.all([
    readNetAdmin(),
    readKernel(),
    writeOnce(state.isKnown ? state.value.path : setup.stateDir),
    readSysctls(looked),
    canWrite('/proc/sys/net/ipv4/ip_forward'),
  ])
  const [networkd, networkManager, docker, iptables, nft, cni] = await Promise.all([
    readNetworkd(),
    readNetworkManager(),
    readDocker(links),
    readIptables(),
    readNft(),
    readCni(setup),
  ])
  return {
    setup,
    agent: answering,
    absence: typeof agent === 'string' ? agent : '',
    ownSoftware: version,
    ...{ netAdmin, kernel, state, write, links, sysctls, canWriteSysctls, routes, uplink },
    ...{ networkd, networkManager, docker, iptables, nft, cni, seeds },
    ways: typeof ways === 'string' ? undefined : ways,
    unprobed: typeof ways === 'string' ? ways : '',
  }
}

/** What the agent knows, or why it does not say. */
export async function askAgent(socket: string): Promise<AgentFacts | string> {
  let client: ApiClient | undefined
  try {
    client = await connectApi(socket)
    const [status, claims, routes, peers, settings, isHere] = await Promise.all([
      client.call('Status', { wait: false, timeoutMs: 0 }, answerMs),
      client.call('Claims', {}, answerMs),
      client.call('Routes', {}, answerMs),
      client.call('Peers', {}, answerMs),
      client.call('Settings', {}, answerMs),
      isSocketHere(socket),
    ])
    return { status, ...claims, ...routes, ...peers, ...settings, isHere }
  } catch (thrown) {
    if (thrown instanceof ApiError) return thrown.message
    throw thrown
  } finally {
    client?.close()
  }
}

const seedTurns = { width: 16, withinMs: 15_000 }

async function askSeeds({ seeds, port }: Setup): Promise<readonly SeedFacts[]> {
  const asked = await inTurns(seeds, seedTurns, async (seed): Promise<SeedFacts> => {
    const place = seedPlace(seed)
    if (!place) return { seed, addresses: [], answer: undefined }
    const addresses = parseAddress(place.host) ? [place.host] : await resolveName(place.host, 8)
    const answers = await Promise.all(
      addresses.map((host) => probe({ host, port: place.port ?? port }, seedMs)),
    )
    return { seed, addresses, answer: best(answers) }
  })
  return seeds.map((seed, index) => asked[index] ?? { seed, addresses: [seed], answer: undefined })
}

const seedMs = 2_000

/** A name may stand for several hosts, of which one is enough. */
const best = (answers: readonly Answer[]): Answer | undefined =>
  answers.find(({ outcome }) => outcome === 'answered') ??
  answers.find(({ outcome }) => outcome === 'refused') ??
  answers[0]

async function readCni({ cniConfDir, cniBinDir }: Setup): Promise<Facts['cni']> {
  try {
    const binDir = cniBinDir || undefined
    return known(await inspect({ confDir: cniConfDir || '/etc/cni/net.d', binDir }))
  } catch (thrown) {
    return unknown(`the directory cannot be read (${codeOf(thrown)})`, 'run it as root')
  }
}

const canWrite = (path: string): Promise<boolean> =>
  access(path, constants.W_OK).then(
    () => true,
    () => false,
  )
