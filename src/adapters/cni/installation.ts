/** The plugin and its networks where CNI runtimes look for them: written so that nobody sees half of one, and removed again. */

import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import {
  access,
  chmod,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises'
import { dirname, extname, join, resolve } from 'node:path'
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
} from '../../cni/conflist.ts'
import type { Version } from '../../cni/version.ts'

export interface Places {
  /** Undefined: where the bridge plugin is. */
  readonly binDir?: string | undefined
  readonly confDir: string
}

export interface Wanted extends Places {
  /** Names, at least one. */
  readonly networks: readonly string[]
  readonly bridge: string
  /** Interface that leads to other hosts; empty: not known. */
  readonly uplink: string
  /** Where the plugin finds the agent; undefined: where it looks by itself. */
  readonly cniSocket: string | undefined
}

export interface Installed {
  readonly binary: string
  readonly conflists: readonly string[]
  readonly versions: readonly Version[]
  /** What containers do not get. */
  readonly warnings: readonly string[]
}

/** Files that are written already stay, and do no harm. */
export class InstallationError extends Error {
  readonly code: 'no-plugin' | 'no-bridge-plugin' | 'no-common-version' | 'foreign' | 'unwritable'

  constructor(code: InstallationError['code'], message: string) {
    super(message)
    this.code = code
  }
}

/** Rejects with an InstallationError. What is there already and the same is not written again. */
export async function install(wanted: Wanted): Promise<Installed> {
  const warnings: string[] = []
  const { confDir, networks, bridge } = wanted
  const { directory, versions, further, failsAtCheck } = await survey(wanted.binDir)
  for (const name of furtherPlugins) {
    if (further.includes(name)) continue
    warnings.push(`there is no CNI plugin ${name}: containers get no ${purposes[name]}`)
  }
  if (failsAtCheck) {
    warnings.push(
      'the bandwidth plugin of this host crashes at CHECK, so the network switches CHECK off: plugins from 1.9.1 on do not crash',
    )
  }
  const mtu = await mtuOf(wanted.uplink)
  if (mtu === undefined) warnings.push('the MTU of the uplink is not known: containers get 1500')

  // Before the networks: a runtime uses what they name at once.
  const binary = await installPlugin(directory, wanted.cniSocket)
  const conflists: string[] = []
  for (const name of networks) {
    const path = join(confDir, fileOf(name))
    const network = { name, bridge, mtu, further, failsAtCheck, versions }
    await refuseForeign(path)
    await replace(path, conflistText(network), 0o644)
    conflists.push(path)
  }
  return { binary, conflists, versions, warnings }
}

/** The plugin alone. A running one is not disturbed, and whoever starts it meanwhile finds the old one or the new one. */
export async function installPlugin(
  directory: string,
  cniSocket: string | undefined,
): Promise<string> {
  const source = pluginFile()
  if (!(await isThere(source))) {
    throw new InstallationError(
      'no-plugin',
      `${source} is missing: this starling was built without a C compiler; build it with one (gcc)`,
    )
  }
  const beside = join(directory, socketFile)
  if (cniSocket === undefined) await writing(() => rm(beside, { force: true }))
  else await replace(beside, `${cniSocket}\n`, 0o644)
  const path = join(directory, ipamPlugin)
  await replace(path, await readFile(source), 0o755)
  return path
}

/** Resolves with what it removed. Networks that others have written stay. */
export async function uninstall({ binDir, confDir }: Places): Promise<readonly string[]> {
  const ours: string[] = []
  for (const path of await networkFiles(confDir)) {
    const name = ownName(await readFile(path, 'utf8'))
    // A network of ours under another file name is what somebody has made of it.
    if (name !== undefined && path.endsWith(`/${fileOf(name)}`)) ours.push(path)
  }
  const binDirs = binDir === undefined ? usualDirs : [binDir]
  for (const directory of [confDir, ...binDirs]) {
    const names = (await isThere(directory)) ? await readdir(directory) : []
    const named = directory === confDir ? [] : [ipamPlugin, socketFile]
    const found = names.filter((name) => named.includes(name) || isTemporary(name))
    ours.push(...found.map((name) => join(directory, name)))
  }
  await writing(async () => {
    for (const path of ours) await rm(path)
  })
  return ours
}

/** What CNI runtimes find on this host. */
export interface Inspection {
  /** Files of networks in the order in which runtimes read them. */
  readonly files: readonly string[]
  /** Those of starling's. */
  readonly ours: readonly string[]
  /** What all plugins know, ascending; empty where `lack` says why. */
  readonly versions: readonly Version[]
  readonly lack: string
  /** `other`: not the plugin of this starling. `unknown`: this one was built without it. */
  readonly plugin: 'same' | 'other' | 'absent' | 'unknown'
}

/** Rejects where a directory cannot be read. */
export async function inspect({ binDir, confDir }: Places): Promise<Inspection> {
  const files = await networkFiles(confDir)
  const texts = await Promise.all(files.map((path) => readFile(path, 'utf8')))
  const ours = files.filter((_, index) => ownName(texts[index] ?? '') !== undefined)
  try {
    const { directory, versions } = await survey(binDir)
    const plugin = await comparePlugin(join(directory, ipamPlugin))
    return { files, ours, versions, lack: '', plugin }
  } catch (thrown) {
    if (!(thrown instanceof InstallationError)) throw thrown
    return { files, ours, versions: [], lack: thrown.message, plugin: 'unknown' }
  }
}

async function comparePlugin(path: string): Promise<Inspection['plugin']> {
  if (!(await isThere(path))) return 'absent'
  if (!(await isThere(pluginFile()))) return 'unknown'
  return (await readFile(path)).equals(await readFile(pluginFile())) ? 'same' : 'other'
}

/** Those that runtimes read before `conflist`; most use the first file alone. */
export async function precedingNetworks(conflist: string): Promise<readonly string[]> {
  return (await networkFiles(dirname(conflist))).filter((path) => path < conflist)
}

/** Where runtimes and Debian have plugins. */
const usualDirs = ['/opt/cni/bin', '/usr/lib/cni', '/usr/libexec/cni']

const purposes: Readonly<Record<FurtherPlugin, string>> = {
  portmap: 'published ports',
  bandwidth: 'limits of bandwidth',
}

interface Survey {
  /** Where the plugin belongs. */
  readonly directory: string
  readonly versions: readonly Version[]
  readonly further: readonly FurtherPlugin[]
  readonly failsAtCheck: boolean
}

/** Of the plugins that this host has. */
async function survey(binDir: string | undefined): Promise<Survey> {
  const dirs = [...(binDir === undefined ? [] : [resolve(binDir)]), ...usualDirs]
  const bridge = await findPlugin('bridge', dirs)
  if (!bridge) {
    throw new InstallationError(
      'no-bridge-plugin',
      `there is no CNI plugin bridge in ${dirs.join(', ')}: install containernetworking-plugins, or name the directory of the plugins`,
    )
  }
  const further: FurtherPlugin[] = []
  const known = [bridge.versions]
  let failsAtCheck = false
  for (const name of furtherPlugins) {
    const plugin = await findPlugin(name, dirs)
    if (!plugin) continue
    further.push(name)
    known.push(plugin.versions)
    failsAtCheck ||=
      name === 'bandwidth' && crashesAtCheck(await printed(plugin.path, '', 'stderr'))
  }
  const versions = commonVersions(known)
  if (versions.length === 0) {
    throw new InstallationError(
      'no-common-version',
      'the CNI plugins of this host have no version in common: install plugins of one release',
    )
  }
  const directory = binDir === undefined ? bridge.directory : resolve(binDir)
  return { directory, versions, further, failsAtCheck }
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
    // No uplink, or it is asked for where it is not to be seen.
    return undefined
  }
}

const socketFile = `${ipamPlugin}.socket`

/** Beside the program of this platform, wherever this one was built to. */
const pluginFile = (): string => {
  const dist = extname(import.meta.filename) === '.ts' ? '../../../dist' : '.'
  const platform = `linux-${process.arch}`
  return join(import.meta.dirname, dist, 'native', platform, ipamPlugin)
}

/** A runtime reads no such name. Two that write at the same time, in containers with the same pids, have names of their own. */
const temporaryName = (): string => `.${randomUUID()}.${ipamPlugin}`
const isTemporary = (name: string): boolean =>
  /^\.[0-9a-f-]{36}\.(.*)$/.exec(name)?.[1] === ipamPlugin

/** What somebody else has put under our name is theirs. */
async function refuseForeign(path: string): Promise<void> {
  if (!(await isThere(path)) || ownName(await readFile(path, 'utf8')) !== undefined) return
  throw new InstallationError(
    'foreign',
    `${path} is not a network of starling's: rename or remove it`,
  )
}

/** Whatever ends it, the file is the old one or the new one. */
async function replace(path: string, contents: string | Buffer, mode: number): Promise<void> {
  const temporary = join(dirname(path), temporaryName())
  await writing(async () => {
    await mkdir(dirname(path), { recursive: true })
    if (await isThere(path)) {
      const present = await readFile(path)
      const isSame = present.equals(Buffer.from(contents))
      if (isSame && ((await stat(path)).mode & 0o777) === mode) return
    }
    try {
      await writeFile(temporary, contents, { flag: 'wx', flush: true })
      // Whatever the process takes away from new files.
      await chmod(temporary, mode)
      await rename(temporary, path)
    } catch (thrown) {
      await rm(temporary, { force: true })
      throw thrown
    }
  })
}

/** Failures of the filesystem are the user's to mend. */
async function writing(write: () => Promise<void>): Promise<void> {
  try {
    await write()
  } catch (thrown) {
    if (!(thrown instanceof Error && 'code' in thrown)) throw thrown
    throw new InstallationError('unwritable', `${thrown.message}: let starling write there`)
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
