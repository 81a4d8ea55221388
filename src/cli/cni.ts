/** `starling cni install` and `uninstall`: the plugin and its networks, where CNI runtimes look for them. */

import { resolve } from 'node:path'
import {
  InstallationError,
  type Installed,
  install as installAll,
  installPlugin,
  precedingNetworks,
  uninstall as removeAll,
} from '../adapters/cni/installation.ts'
import { isName, nameRule } from '../cni/netconf.ts'
import { unusualCniSocket } from '../config/socket-path.ts'
import { printable } from '../core/printable.ts'
import { exitCode } from './exit-code.ts'
import { answerMs, fail, printJson, type Shared, withAgent } from './session.ts'

interface Places {
  /** Undefined: where the bridge plugin is. */
  readonly binDir?: string
  readonly confDir: string
}

export type InstallOptions = Shared &
  Places & { readonly network: readonly string[]; readonly pluginOnly?: true }
export type UninstallOptions = Pick<Shared, 'json'> & Places

export async function install(options: InstallOptions): Promise<number> {
  const wrong = options.network.find((name) => !isName(name) || name.length > 200)
  if (wrong !== undefined) {
    return fail(options, 'usage', `${JSON.stringify(wrong)} is not a network name: ${nameRule}`)
  }
  const cniSocket = unusualCniSocket(options.socket)
  if (options.pluginOnly) {
    // Where it has to go cannot be found out by the plugins of a host that may have none yet.
    const { binDir } = options
    if (binDir === undefined) return fail(options, 'usage', '--plugin-only needs --bin-dir')
    return telling(options, async () =>
      report(options, { binary: await installPlugin(resolve(binDir), cniSocket) }),
    )
  }
  return withAgent(options, async (agent) => {
    const { bridge, uplink } = await agent.call('Status', { wait: false, timeoutMs: 0 }, answerMs)
    if (bridge === '') {
      const mend = 'start it without --bridge none'
      return fail(options, 'no-bridge', `the agent manages no bridge: ${mend}`)
    }
    return telling(options, async () => {
      const { binDir, confDir, network: networks } = options
      const installed = await installAll({ binDir, confDir, networks, bridge, uplink, cniSocket })
      return report(options, installed)
    })
  })
}

/** Needs no agent, and leaves networks that others have written. */
export const uninstall = (options: UninstallOptions): Promise<number> =>
  telling(options, async () => {
    const removed = await removeAll(options)
    if (options.json) printJson({ removed })
    else
      console.log(
        removed.map((path) => `removed ${printable(path)}`).join('\n') || 'nothing to remove',
      )
    return exitCode.fine
  })

async function telling(options: Pick<Shared, 'json'>, act: () => Promise<number>): Promise<number> {
  try {
    return await act()
  } catch (thrown) {
    if (!(thrown instanceof InstallationError)) throw thrown
    return fail(options, thrown.code, thrown.message)
  }
}

async function report(
  { json }: InstallOptions,
  installed: Pick<Installed, 'binary'> & Partial<Installed>,
): Promise<number> {
  const { binary, conflists = [], versions = [], warnings = [] } = installed
  const [first] = [...conflists].sort()
  const preceding = first === undefined ? [] : await precedingNetworks(first)
  const all = [
    ...warnings,
    ...preceding.map(
      (path) => `${path} comes before it, and most runtimes use only the first file: rename it`,
    ),
  ]
  const cniVersion = versions.at(-1)
  if (json) printJson({ binary, conflists, cniVersion, warnings: all })
  else {
    for (const path of [binary, ...conflists]) console.log(`wrote ${printable(path)}`)
    if (cniVersion) console.log(`CNI ${cniVersion}: the highest version that all plugins know`)
  }
  for (const warning of all) console.error(`starling: ${printable(warning)}`)
  return exitCode.fine
}
