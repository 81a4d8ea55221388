/** Keeps the network that CNI runtimes read written, once this node can serve it; what hinders that is told. */

import { access, readFile } from 'node:fs/promises'
import { unreadiness } from '../../cni/readiness.ts'
import type { Trouble } from '../../core/event.ts'
import type { AgentView } from '../../core/view.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Operator } from '../../ports/operator.ts'
import { type Installed, install, precedingNetworks, type Wanted } from './installation.ts'
import { troubleTold } from './told.ts'

export interface KeptNetwork {
  /** The network stays: containers come and go while no agent runs. */
  close(): Promise<void>
}

/** A runtime that finds a network takes its host for ready: there is none before a container would get its addresses. */
export function keepNetwork(options: {
  readonly network: string
  readonly places: Pick<Wanted, 'binDir' | 'confDir' | 'cniSocket'>
  readonly operator: Pick<Operator, 'view'>
  readonly clock: Clock
  readonly tell: (trouble: Trouble) => void
}): KeptNetwork {
  const { network, places, operator, clock } = options
  const unwritten = troubleTold(options.tell, {
    code: 'network-unwritten',
    subject: places.confDir,
  })
  const preceded = troubleTold(options.tell, { code: 'network-preceded', subject: places.confDir })
  let written: Written | undefined

  const look = async (): Promise<void> => {
    const view = operator.view()
    if (view.phase === 'left') return
    if (written === undefined && !canServe(view)) return
    try {
      if (written === undefined || !(await isAsWritten(written))) {
        const { bridge, uplink } = view
        written = await asWritten(await install({ ...places, networks: [network], bridge, uplink }))
      }
      unwritten(undefined)
      preceded((await precedingNetworks(written.conflist)).join(', '))
    } catch (thrown) {
      unwritten(thrown)
    }
  }

  let cancel = (): void => {}
  let isClosing = false
  const attend = async (): Promise<void> => {
    await look()
    if (isClosing) return
    const pauseMs = written === undefined && !canServe(operator.view()) ? awaitMs : attendMs
    cancel = clock.schedule(clock.now() + pauseMs, () => {
      attempt = attend()
    })
  }
  let attempt = attend()

  return {
    close: async () => {
      isClosing = true
      cancel()
      await attempt
    },
  }
}

interface Written {
  readonly binary: string
  readonly conflist: string
  readonly text: string
}

/** What the records say while joining may be a former run's. */
const canServe = (view: AgentView): boolean =>
  view.phase === 'in-sync' && unreadiness(view) === undefined

async function asWritten({ binary, conflists }: Installed): Promise<Written> {
  const [conflist = ''] = conflists
  return { binary, conflist, text: await readFile(conflist, 'utf8') }
}

/** An upgrade of other packages empties the directory of plugins. */
async function isAsWritten({ binary, conflist, text }: Written): Promise<boolean> {
  try {
    await access(binary)
    return (await readFile(conflist, 'utf8')) === text
  } catch {
    // What cannot be seen is written, and why it cannot be is said there.
    return false
  }
}

/** Somebody may be waiting for the host to be ready. */
const awaitMs = 500
const attendMs = 30_000
