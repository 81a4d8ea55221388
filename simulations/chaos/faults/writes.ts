/** Makes an agent write to its disk, over and over. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { ChaosHost } from '../chaos-host.ts'

const leaseMs = 250
const leaseCallMs = 2_000

/** Leases that come and go, each of them a write. Resolves in the end with how many were refused. */
export function writes(host: ChaosHost): { stop(): Promise<number> } {
  let isOver = false
  let refused = 0
  const writing = (async () => {
    for (let turn = 0; !isOver; turn += 1) {
      const id = `write-${turn}`
      await host
        .withApi(async (api) => {
          await api.call(
            'AllocateLease',
            { id, name: '', addresses: [], families: [] },
            leaseCallMs,
          )
          await api.call('ReleaseLease', { id, address: '' }, leaseCallMs)
        })
        .catch(() => {
          refused += 1
        })
      await sleep(leaseMs)
    }
  })()
  return {
    stop: async () => {
      isOver = true
      await writing
      return refused
    },
  }
}
