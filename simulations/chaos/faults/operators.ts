/** Operators who do what they can do at any time. */

import { setTimeout as sleep } from 'node:timers/promises'
import { NotNow, type Play } from './fault.ts'

const callMs = 5_000

export const announceStorm: Play = async ({ host }) => {
  let isOver = false
  let count = 0
  const storming = (async () => {
    for (let turn = 0; !isOver; turn += 1) {
      const prefix = `10.200.${turn & 255}.0/24`
      await host
        .withApi(async (api) => {
          await api.call('Announce', { prefix }, callMs)
          await api.call('Withdraw', { prefix }, callMs)
          count += 1
        })
        .catch(() => sleep(100))
    }
  })()
  return async () => {
    isOver = true
    await storming
    return { what: 'prefixes announced and withdrawn', count }
  }
}

/** By another host's operator. */
export const evictLiving: Play = async ({ site, host }) => {
  const other = site.hosts[(host.number + 1) % site.hosts.length]
  if (!other) throw new NotNow('there is no other host')
  const node = await host
    .withApi((api) => api.call('Status', { wait: false, timeoutMs: 0 }, callMs))
    .then((status) => status.node)
    .catch(() => {
      throw new NotNow('its agent does not answer')
    })
  const isReached = await other
    .withApi((api) => api.call('Peers', {}, callMs))
    .then(({ peers }) => peers.some((peer) => peer.node === node && peer.connected))
    .catch(() => false)
  // Whoever is cut off for long enough may be evicted, and refutes it.
  if (!isReached) throw new NotNow('the other host does not reach it')
  const isRefused = await other
    .withApi((api) => api.call('Evict', { node }, callMs))
    .then(() => false)
    .catch(() => true)
  return async () => ({ what: 'refusals', count: isRefused ? 1 : 0 })
}

/** A setting that changes every route. */
const otherMetric = 77

export const changeSettings: Play = async ({ site, host }) => {
  await site.change(host, { environment: { STARLING_METRIC: `${otherMetric}` } })
  await host.converged()
  const changed = (await host.routes()).filter(({ metric }) => metric === otherMetric)
  return async () => {
    await site.change(host, {})
    return { what: 'routes of another metric', count: changed.length }
  }
}

/** All that is ours goes from the kernel, and nothing is written until somebody says so. */
export const purge: Play = async ({ host }) => {
  const count = (await host.routes()).length
  await host
    .withApi((api) => api.call('Purge', {}, callMs))
    .catch(() => {
      throw new NotNow('its agent does not answer')
    })
  const left = (await host.routes()).length
  return async () => {
    // An agent that was started again meanwhile is not purged any more.
    await host.withApi((api) => api.call('Resync', {}, callMs))
    return { what: 'routes that were purged', count: count - left }
  }
}
