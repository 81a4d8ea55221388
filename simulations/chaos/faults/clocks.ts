/** Clocks that are set: of one agent, by a library, for containers have no clocks of their own. */

import { pidOf, restartAgent } from './agents.ts'
import type { Play, Victims } from './fault.ts'

const hourMs = 3_600_000
const callMs = 5_000

export const clockAhead: Play = (victims) => jump(victims, '+1h')
export const clockBehind: Play = (victims) => jump(victims, '-1h')

/** An agent reads the clock once, when it starts. */
async function jump(victims: Victims, ahead: string) {
  const { site, host } = victims
  await pidOf(host)
  await site.setClock(host, ahead)
  const restarted = await restartAgent(victims)
  return async () => {
    await restarted()
    await host.converged()
    const since = await host
      .withApi(async (api) => {
        const id = 'clock'
        const granted = await api.call(
          'AllocateLease',
          { id, name: '', addresses: [], families: [] },
          callMs,
        )
        await api.call('ReleaseLease', { id, address: '' }, callMs)
        return granted.leases[0]?.since ?? ''
      })
      .catch(() => '')
    await site.setClock(host, '+0')
    await (await restartAgent(victims))()
    const wrongMs = Math.abs(Date.parse(since) - Date.now())
    return { what: 'its lease is an hour off', count: wrongMs > hourMs / 2 ? 1 : 0 }
  }
}
