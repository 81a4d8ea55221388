/** The daemon that runs the containers of all hosts, while they go on. */

import type { Play } from './fault.ts'

/** It starts again, and finds its containers. */
export const crashDockerd: Play = async ({ site: { daemon } }) => {
  const before = daemon.pid
  await daemon.crash()
  return async () => {
    await daemon.startAgain()
    return { what: 'another dockerd', count: daemon.pid === before ? 0 : 1 }
  }
}
