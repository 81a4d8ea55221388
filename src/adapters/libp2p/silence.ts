/** libp2p's own log, which nobody reads: it makes several loggers for every stream. What matters is told as notes. */

import type { ComponentLogger, Logger } from '@libp2p/interface'

const silent: Logger = Object.assign(() => undefined, {
  enabled: false,
  error: () => undefined,
  trace: () => undefined,
  newScope: (): Logger => silent,
})

export const silence: ComponentLogger = { forComponent: () => silent }
