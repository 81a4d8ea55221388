/** Hosts that lose their power, that go for good, or are made anew without what they had stored. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { ChaosHost } from '../chaos-host.ts'
import { agentService } from '../compose-file.ts'
import type { Site } from '../site.ts'
import { NotNow, type Play } from './fault.ts'

const callMs = 10_000
/** Until others have heard that a host left. */
const heardMs = 10_000
const lookMs = 50

/** Its namespace goes with it, and all that its kernel held. */
export const powerOff: Play = async ({ site, host }) => {
  const isOff = await lostPower(site, host)
  return async () => {
    await getsPower(site, host)
    return { what: 'nothing of it ran', count: isOff ? 1 : 0 }
  }
}

/** Its address stays, as where a machine is taken out of its place and another one is put there. */
export const replaceHost: Play = async ({ site, host }) => {
  const former = await nodeOf(host)
  await lostPower(site, host)
  await site.clearState(host)
  return async () => {
    await getsPower(site, host)
    return { what: 'another identity', count: (await nodeOf(host)) === former ? 0 : 1 }
  }
}

/** Its line stays, and so does the bridge of its former self. */
export const setUpAnew: Play = async ({ site, host }) => {
  const former = await nodeOf(host)
  const service = agentService(host.number)
  await site.compose('rm', '--stop', '--force', service)
  await site.clearState(host)
  await site.compose('up', '--detach', '--no-build', '--no-deps', service)
  return async () => ({
    what: 'another identity',
    count: (await nodeOf(host)) === former ? 0 : 1,
  })
}

/** Its containers end first, as where a host is drained. */
export const leaveAndJoin: Play = async ({ site, host }) => {
  const status = await host.status().catch(() => {
    throw new NotNow('its agent does not answer')
  })
  await host.unhang()
  site.mesh.tellAll(host)
  await host.withApi((api) => api.call('Leave', { force: true }, callMs))
  const prefixes = status.claims.map(({ prefix }) => prefix)
  const heard = await withoutRoutes(site, host, prefixes)
  await stopped(host)
  await site.clearState(host)
  return async () => {
    await site.docker.run('start', host.agent)
    const present = await nodeOf(host)
    return { what: 'kernels without a route to it', count: present === status.node ? 0 : heard }
  }
}

async function lostPower(site: Site, host: ChaosHost): Promise<boolean> {
  await site.detach(host)
  await site.docker.run('kill', host.holder, host.agent).catch(() => '')
  return (await host.agentPid()) === 0
}

async function getsPower(site: Site, host: ChaosHost): Promise<void> {
  await site.docker.run('start', host.holder)
  await site.docker.run('start', host.agent)
  await site.attach(host)
}

const nodeOf = async (host: ChaosHost): Promise<string> => (await host.converged()).node

/** How many of the others have none in the end. */
async function withoutRoutes(
  site: Site,
  host: ChaosHost,
  prefixes: readonly string[],
): Promise<number> {
  const others = site.hosts.filter((other) => other !== host)
  const end = performance.now() + heardMs
  for (;;) {
    const left = others.filter((other) => !prefixes.some((prefix) => site.hasRoute(other, prefix)))
    if (left.length === others.length || performance.now() > end) return left.length
    await sleep(lookMs)
  }
}

async function stopped(host: ChaosHost): Promise<void> {
  const end = performance.now() + heardMs
  while ((await host.agentPid()) !== 0 && performance.now() < end) await sleep(lookMs)
}
