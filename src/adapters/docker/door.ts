/** Keeps the door for Docker open: what keeps it shut is told, and tried again. */

import type { Server } from 'node:http'
import type { Trouble } from '../../core/event.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Operator } from '../../ports/operator.ts'
import { createCalls } from './driver.ts'
import { type PluginServer, servePlugin } from './server.ts'

export interface DockerDoor {
  close(): Promise<void>
}

/** Resolves when it was tried for the first time. `listen` binds a server to the plugin socket. */
export async function openDockerDoor(options: {
  readonly listen: (server: Server) => Promise<void>
  readonly operator: Operator
  readonly clock: Clock
  readonly tell: (trouble: Trouble) => void
}): Promise<DockerDoor> {
  const { listen, operator, clock, tell } = options
  const closing = new AbortController()
  const calls = createCalls(operator, clock, closing.signal)
  let server: PluginServer | undefined
  let cancel = (): void => {}
  let attempt: Promise<void> = Promise.resolve()

  const open = async (): Promise<void> => {
    const trouble = { code: 'door-shut', subject: 'Docker' } as const
    try {
      server = await servePlugin({ calls, listen, clock })
      tell({ ...trouble, reason: '', active: false })
    } catch (thrown) {
      const reason = thrown instanceof Error ? thrown.message : String(thrown)
      tell({ ...trouble, reason, active: true })
      if (closing.signal.aborted) return
      cancel = clock.schedule(clock.now() + retryMs, () => {
        attempt = open()
      })
    }
  }

  attempt = open()
  await attempt
  return {
    close: async () => {
      closing.abort()
      cancel()
      await attempt
      await server?.close()
    },
  }
}

const retryMs = 30_000
