/** Calls CNI plugins on a host of the lab as libcni does: environment, stdin, one plugin of the list after the other. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { CliResult, LabHost } from './host.ts'
import { LabError } from './iproute.ts'

/** Where Debian's containernetworking-plugins are. */
const debianDir = '/usr/lib/cni'

/** One interface of one container, as a runtime knows it. */
export interface CniAttachment {
  readonly id: string
  readonly ifname: string
  /** Path; empty: it is gone. */
  readonly netns: string
  /** As CNI_ARGS has it. */
  readonly args?: string
  /** By capability; each plugin is told of those that it declares. */
  readonly capabilities?: Readonly<Record<string, unknown>>
}

export interface CniOutcome {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
  readonly ms: number
}

type Command = 'ADD' | 'DEL' | 'CHECK' | 'GC' | 'STATUS' | 'VERSION'
type Plugin = Readonly<Record<string, unknown>> & {
  readonly type: string
  readonly capabilities?: Readonly<Record<string, boolean>>
}
interface Conflist {
  readonly cniVersion: string
  readonly name: string
  readonly plugins: readonly Plugin[]
}

/** What an ADD results in, as far as all of its versions from 0.3.0 on have it. */
export interface CniResult {
  readonly cniVersion: string
  readonly interfaces: readonly { readonly name: string; readonly sandbox?: string }[]
  readonly ips: readonly { readonly address: string; readonly gateway?: string }[]
  readonly routes?: readonly { readonly dst: string; readonly gw?: string }[]
}

/** Where a runtime works. */
export interface CniHost {
  /** Network namespace in which the plugins run. */
  readonly namespace: string
  /** Where binaries and networks are put. */
  readonly directory: string
  /** `starling WORDS` in that namespace. */
  cliInside(...words: string[]): Promise<CliResult>
}

export class CniRuntime<Host extends CniHost = LabHost> {
  readonly host: Host
  readonly binDir: string
  readonly confDir: string
  conflist: Conflist = { cniVersion: '', name: '', plugins: [] }

  constructor(host: Host) {
    this.host = host
    this.binDir = join(host.directory, 'cni-bin')
    this.confDir = join(host.directory, 'cni-net.d')
  }

  /** By `starling cni install`; `words` are further ones of its. */
  async install(...words: string[]): Promise<void> {
    const places = ['--bin-dir', this.binDir, '--conf-dir', this.confDir]
    const { exitCode, stderr } = await this.host.cliInside('cni', 'install', ...places, ...words)
    if (exitCode !== 0) throw new LabError('cni-failed', `cni install: ${stderr}`)
    const file = join(this.confDir, '10-starling.conflist')
    this.conflist = JSON.parse(await readFile(file, 'utf8')) as Conflist
  }

  /** `network starling, CNI 1.0.0, by bridge, portmap` */
  get summary(): string {
    const { name, cniVersion, plugins } = this.conflist
    return `network ${name}, CNI ${cniVersion}, by ${plugins.map(({ type }) => type).join(', ')}`
  }

  /** Throws a LabError with what a plugin printed where one fails; then all are told to DEL, as a runtime does. */
  async add(attachment: CniAttachment): Promise<CniResult> {
    let prevResult: unknown
    for (const plugin of this.conflist.plugins) {
      const conf = this.#confOf(plugin, attachment, prevResult)
      const { exitCode, stdout, stderr } = await this.call('ADD', plugin.type, conf, attachment)
      if (exitCode !== 0) {
        await this.del(attachment)
        throw new LabError('cni-failed', `${plugin.type} ADD: ${stdout}${stderr}`)
      }
      prevResult = JSON.parse(stdout)
    }
    return prevResult as CniResult
  }

  /** Every plugin is called; the first failure is returned. */
  async del(attachment: CniAttachment, prevResult?: CniResult): Promise<CniOutcome | undefined> {
    let failure: CniOutcome | undefined
    for (const plugin of this.conflist.plugins.toReversed()) {
      const conf = this.#confOf(plugin, attachment, prevResult)
      const outcome = await this.call('DEL', plugin.type, conf, attachment)
      if (outcome.exitCode !== 0) failure ??= outcome
    }
    return failure
  }

  /** The bridge plugin alone, which asks ours: other plugins have faults of their own. Undefined: all is well. */
  async check(attachment: CniAttachment, prevResult: CniResult): Promise<string | undefined> {
    const conf = this.bridgeConf({ prevResult })
    const { exitCode, stdout, stderr } = await this.call('CHECK', 'bridge', conf, attachment)
    return exitCode === 0 ? undefined : `${stdout}${stderr}`
  }

  /** One plugin, with a configuration of its own. */
  async call(
    command: Command,
    plugin: string,
    conf: object | string,
    { id, ifname, netns, args = '' }: CniAttachment,
    env: Readonly<Record<string, string>> = {},
  ): Promise<CniOutcome> {
    const path = join(plugin === 'starling-ipam' ? this.binDir : debianDir, plugin)
    const began = performance.now()
    const child = spawn('ip', ['netns', 'exec', this.host.namespace, path], {
      env: {
        PATH: process.env.PATH,
        CNI_COMMAND: command,
        CNI_CONTAINERID: id,
        CNI_IFNAME: ifname,
        CNI_NETNS: netns,
        CNI_ARGS: args,
        CNI_PATH: `${this.binDir}:${debianDir}`,
        ...env,
      },
    })
    child.stdin.on('error', () => {})
    child.stdin.end(typeof conf === 'string' ? conf : JSON.stringify(conf))
    const closed = once(child, 'close')
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
    const [exitCode] = (await closed) as [number | null]
    return { exitCode, stdout, stderr, ms: performance.now() - began }
  }

  /** The one plugin of the list that asks for addresses, with changes. */
  bridgeConf(changes: object = {}): Readonly<Record<string, unknown>> {
    const { cniVersion, name, plugins } = this.conflist
    return { cniVersion, name, ...plugins[0], ...changes }
  }

  #confOf(plugin: Plugin, { capabilities = {} }: CniAttachment, prevResult: unknown): object {
    const { cniVersion, name } = this.conflist
    const told = Object.entries(capabilities).filter(([key]) => plugin.capabilities?.[key])
    return {
      ...plugin,
      cniVersion,
      name,
      ...(told.length > 0 ? { runtimeConfig: Object.fromEntries(told) } : {}),
      ...(prevResult === undefined ? {} : { prevResult }),
    }
  }
}
