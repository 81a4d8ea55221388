/** Hosts that lose their power, or are made anew without what they had stored. */

import { agentService, volumeOf } from '../compose-file.ts'
import type { Play } from './fault.ts'

/** Its namespace goes with it, and all that its kernel held. */
export const powerOff: Play = async ({ site, host }) => {
  await site.detach(host)
  host.workloadAddress = undefined
  await site.docker.run('kill', host.holder, host.agent).catch(() => '')
  const isOff = (await host.agentPid()) === 0
  return async () => {
    await site.docker.run('start', host.holder)
    await site.docker.run('start', host.agent)
    await site.attach(host)
    return { what: 'nothing of it ran', count: isOff ? 1 : 0 }
  }
}

/** Its line stays, and so does the bridge of its former self. */
export const setUpAnew: Play = async ({ site, host }) => {
  const service = agentService(host.number)
  const former = await host.withApi((api) =>
    api.call('Status', { wait: false, timeoutMs: 0 }, 5_000),
  )
  await site.compose('rm', '--stop', '--force', service)
  await site.docker.run('volume', 'rm', `${site.project.name}_${volumeOf(host.number)}`)
  await site.compose('up', '--detach', '--no-build', '--no-deps', service)
  return async () => {
    const present = await host.converged()
    return { what: 'another identity', count: present.node === former.node ? 0 : 1 }
  }
}
