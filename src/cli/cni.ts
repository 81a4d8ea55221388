/** `starling cni install` and `uninstall`: the plugin and its networks, where CNI runtimes look for them. */

import { execFile } from 'node:child_process'
import { access, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, extname, join, resolve } from 'node:path'
import { isName, nameRule } from '../cni/netconf.ts'
import type { Version } from '../cni/version.ts'
import { defaultSocket } from '../config/socket-path.ts'
import {
  commonVersions,
  conflistText,
  crashesAtCheck,
  type FurtherPlugin,
  fileOf,
  furtherPlugins,
  ipamPlugin,
  knownVersions,
  ownName,
} from './conflist.ts'
import { exitCode } from './exit-code.ts'
import { printable } from './layout.ts'
import { answerMs, fail, printJson, type Shared, withAgent } from './session.ts'

interface Places {
  /** Undefined: where the bridge plugin is. */
  readonly binDir?: string
  readonly confDir: string
}

export type InstallOptions = Shared & Places & { readonly network: readonly string[] }
export type UninstallOptions = Pick<Shared, 'json'> & Places

/** Where runtimes and Debian have plugins. */
const usualDirs = ['/opt/cni/bin', '/usr/lib/cni', '/usr/libexec/cni']

export async function install(options: InstallOptions): Promise<number> {
  const wrong = options.network.find((name) => !isName(name) || name.length > 200)
  if (wrong !== undefined) {
    return fail(options, 'usage', `${JSON.stringify(wrong)} is not a network name: ${nameRule}`)
  }
  const source = pluginFile()
  if (!(await isThere(source))) {
    return fail(
      options,
      'no-plugin',
      `${source} is missing: this starling was built without a C compiler; build it with one (gcc)`,
    )
  }
  return withAgent(options, async (agent) => {
    const { bridge, uplink } = await agent.call('Status', { wait: false, timeoutMs: 0 }, answerMs)
    if (bridge === '') {
      const mend = 'start it without --bridge none'
      return fail(options, 'no-bridge', `the agent manages no bridge: ${mend}`)
    }
    try {
      return await installFor({ bridge, uplink, source }, options)
    } catch (thrown) {
      if (!(thrown instanceof Error && 'code' in thrown)) throw thrown
      return fail(options, 'unwritable', thrown.message)
    }
  })
}

/** Needs no agent, and leaves networks that others have written. */
export async function uninstall(options: UninstallOptions): Promise<number> {
  const removed: string[] = []
  for (const path of await networkFiles(options.confDir)) {
    const name = ownName(await readFile(path, 'utf8'))
    // A network of ours under another file name is what somebody has made of it.
    if (name !== undefined && path.endsWith(`/${fileOf(name)}`)) removed.push(path)
  }
  for (const directory of options.binDir === undefined ? usualDirs : [options.binDir]) {
    for (const name of [ipamPlugin, socketFile]) {
      if (await isThere(join(directory, name))) removed.push(join(directory, name))
    }
  }
  try {
    for (const path of removed) await rm(path)
  } catch (thrown) {
    return fail(options, 'unwritable', thrown instanceof Error ? thrown.message : String(thrown))
  }
  if (options.json) printJson({ removed })
  else
    console.log(
      removed.map((path) => `removed ${printable(path)}`).join('\n') || 'nothing to remove',
    )
  return exitCode.fine
}

async function installFor(
  facts: { readonly bridge: string; readonly uplink: string; readonly source: string },
  options: InstallOptions,
): Promise<number> {
  const warnings: string[] = []
  const dirs = [...(options.binDir === undefined ? [] : [resolve(options.binDir)]), ...usualDirs]
  const bridge = await findPlugin('bridge', dirs)
  if (!bridge) {
    return fail(
      options,
      'no-bridge-plugin',
      `there is no CNI plugin bridge in ${dirs.join(', ')}: install containernetworking-plugins, or name its directory with --bin-dir`,
    )
  }
  const further: FurtherPlugin[] = []
  const known = [bridge.versions]
  let failsAtCheck = false
  for (const name of furtherPlugins) {
    const plugin = await findPlugin(name, dirs)
    if (plugin) {
      further.push(name)
      known.push(plugin.versions)
      failsAtCheck ||=
        name === 'bandwidth' && crashesAtCheck(await printed(plugin.path, '', 'stderr'))
    } else warnings.push(`there is no CNI plugin ${name}: containers get no ${purposes[name]}`)
  }
  const versions = commonVersions(known)
  if (versions.length === 0) {
    const message =
      'the CNI plugins of this host have no version in common: install plugins of one release'
    return fail(options, 'no-common-version', message)
  }
  if (failsAtCheck) {
    warnings.push(
      'the bandwidth plugin of this host crashes at CHECK, so the network switches CHECK off: plugins from 1.9.1 on do not crash',
    )
  }
  const mtu = await mtuOf(facts.uplink)
  if (mtu === undefined) warnings.push('the MTU of the uplink is not known: containers get 1500')

  const binDir = options.binDir === undefined ? bridge.directory : resolve(options.binDir)
  const binary = await placePlugin(facts.source, binDir, options.socket)
  const network = { bridge: facts.bridge, mtu, further, failsAtCheck, versions }
  const conflists: string[] = []
  await mkdir(options.confDir, { recursive: true })
  for (const name of options.network) {
    const path = join(options.confDir, fileOf(name))
    await replace(path, conflistText({ name, ...network }), 0o644)
    conflists.push(path)
  }
  const [first = ''] = [...conflists].sort()
  const earlier = (await networkFiles(options.confDir)).filter((path) => path < first)
  for (const path of earlier) {
    warnings.push(`${path} comes before it, and most runtimes use only the first file: rename it`)
  }
  return report(options, { binary, conflists, versions, warnings })
}

const purposes: Readonly<Record<FurtherPlugin, string>> = {
  portmap: 'published ports',
  bandwidth: 'limits of bandwidth',
}

/** The first one that answers as a CNI plugin. */
async function findPlugin(
  name: string,
  directories: readonly string[],
): Promise<
  | { readonly directory: string; readonly path: string; readonly versions: readonly Version[] }
  | undefined
> {
  for (const directory of directories) {
    const path = join(directory, name)
    const versions = knownVersions(await printed(path, 'VERSION', 'stdout'))
    if (versions.length > 0) return { directory, path, versions }
  }
  return undefined
}

/** What it prints; empty where it cannot be run, fails or hangs. */
function printed(program: string, command: string, to: 'stdout' | 'stderr'): Promise<string> {
  const env = { CNI_COMMAND: command }
  return new Promise((answered) => {
    const child = execFile(program, { env, timeout: 5_000 }, (error, stdout, stderr) =>
      answered(error ? '' : to === 'stdout' ? stdout : stderr),
    )
    // One that reads nothing has ended before it is told.
    child.stdin?.on('error', () => {})
    child.stdin?.end('{"cniVersion":"1.0.0"}')
  })
}

async function mtuOf(uplink: string): Promise<number | undefined> {
  try {
    const mtu = Number(await readFile(`/sys/class/net/${uplink}/mtu`, 'utf8'))
    return Number.isInteger(mtu) && mtu >= 68 ? mtu : undefined
  } catch {
    // No uplink, or the command runs where it is not to be seen.
    return undefined
  }
}

const socketFile = `${ipamPlugin}.socket`

/** Beside the program of this platform, wherever this one was built to. */
const pluginFile = (): string => {
  const dist = extname(import.meta.filename) === '.ts' ? '../../dist' : '.'
  const platform = `linux-${process.arch}`
  return join(import.meta.dirname, dist, 'native', platform, ipamPlugin)
}

/** A running one is not disturbed, and whoever starts it meanwhile finds the old one or the new one. */
async function placePlugin(source: string, directory: string, socket: string): Promise<string> {
  await mkdir(directory, { recursive: true })
  const beside = join(directory, socketFile)
  const agents = (path: string): string => join(dirname(resolve(path)), 'cni.sock')
  if (agents(socket) === agents(defaultSocket)) await rm(beside, { force: true })
  else await replace(beside, `${agents(socket)}\n`, 0o644)
  const path = join(directory, ipamPlugin)
  await replace(path, await readFile(source), 0o755)
  return path
}

async function replace(path: string, contents: string | Buffer, mode: number): Promise<void> {
  const temporary = join(dirname(path), `.${process.pid}.${ipamPlugin}`)
  try {
    await writeFile(temporary, contents, { mode, flush: true })
    await rename(temporary, path)
  } catch (thrown) {
    await rm(temporary, { force: true })
    throw thrown
  }
}

/** Those that runtimes read, in their order. */
async function networkFiles(directory: string): Promise<readonly string[]> {
  const names = (await isThere(directory)) ? await readdir(directory) : []
  return names
    .filter((name) => ['.conf', '.conflist', '.json'].includes(extname(name)))
    .sort()
    .map((name) => join(directory, name))
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

function report(
  { json }: InstallOptions,
  done: {
    readonly binary: string
    readonly conflists: readonly string[]
    readonly versions: readonly Version[]
    readonly warnings: readonly string[]
  },
): number {
  const { binary, conflists, versions, warnings } = done
  if (json) printJson({ binary, conflists, cniVersion: versions.at(-1), warnings })
  else {
    for (const path of [binary, ...conflists]) console.log(`wrote ${printable(path)}`)
    console.log(`CNI ${versions.at(-1)}: the highest version that all plugins know`)
  }
  for (const warning of warnings) console.error(`starling: ${printable(warning)}`)
  return exitCode.fine
}
