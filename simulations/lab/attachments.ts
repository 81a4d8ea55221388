/** The demo's containers and their addresses: by CNI's bridge plugin, or through the API where that plugin is missing. */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { compileNative } from '../../packaging/native.ts'
import { isThere, lacking, textOf } from '../../setup/machine.ts'
import { type CniResult, CniRuntime } from './cni-runtime.ts'
import { Container } from './container.ts'
import type { LabHost } from './host.ts'
import { ip, LabError } from './iproute.ts'
import type { Screen } from './screen.ts'

export interface Attachments {
  /** A container with an address of its host's subnet. */
  attach(host: LabHost, id: string): Promise<Container>
  /** It is gone, and its address is free. */
  detach(host: LabHost, id: string): Promise<void>
}

const project = join(import.meta.dirname, '../..')

/** Says by which way, and what would bring the other one. */
export async function chooseAttachments(screen: Screen): Promise<Attachments> {
  const missing = lacking(['containernetworking-plugins'])
  const program = join(project, 'dist/native', `linux-${process.arch}`, 'starling-ipam')
  const canCompile = existsSync(program) || isThere('cc')
  if (missing.length === 0 && canCompile) {
    if (!existsSync(program)) await compileNative(project, join(project, 'dist/native'))
    return new ByPlugin(screen)
  }
  const packages = [...missing.map(textOf), ...(canCompile ? [] : ['gcc (cc)'])].join(', ')
  screen.title(`Without CNI's plugins, which ${packages} would bring (npm run setup), by the API:`)
  return new ByApi(screen)
}

class ByPlugin implements Attachments {
  readonly #screen: Screen
  readonly #runtimes = new Map<string, CniRuntime>()
  readonly #results = new Map<string, CniResult>()

  constructor(screen: Screen) {
    this.#screen = screen
  }

  async attach(host: LabHost, id: string): Promise<Container> {
    const runtime = await this.#runtime(host)
    const namespace = `${host.namespace}-${id}`
    await ip(`netns add ${namespace}`)
    const result = await runtime.add(attachmentOf(namespace, id))
    this.#results.set(id, result)
    const [address = ''] = result.ips.map((each) => each.address)
    this.#screen.good(`CNI ADD ${id}: bridge and starling-ipam gave it ${address} on ${host.name}`)
    const [plain = ''] = address.split('/')
    const container = new Container(`${host.name}/${id}`, namespace, plain)
    await container.start()
    host.containers.push(container)
    return container
  }

  async detach(host: LabHost, id: string): Promise<void> {
    const runtime = await this.#runtime(host)
    const failure = await runtime.del(
      attachmentOf(`${host.namespace}-${id}`, id),
      this.#results.get(id),
    )
    if (failure) throw new LabError('cni-failed', `DEL ${id}: ${failure.stdout}${failure.stderr}`)
    this.#screen.good(`CNI DEL ${id}: its interface is gone, and its lease`)
  }

  async #runtime(host: LabHost): Promise<CniRuntime> {
    const known = this.#runtimes.get(host.name)
    if (known) return known
    const runtime = new CniRuntime(host)
    await runtime.install()
    this.#screen.event(host.name, `starling cni install: ${runtime.summary}`)
    this.#runtimes.set(host.name, runtime)
    return runtime
  }
}

class ByApi implements Attachments {
  readonly #screen: Screen

  constructor(screen: Screen) {
    this.#screen = screen
  }

  async attach(host: LabHost, id: string): Promise<Container> {
    const { stdout, stderr, exitCode } = await host.cli('ip', 'allocate', id, '--json')
    if (exitCode !== 0) throw new LabError('not-seen', `starling ip allocate ${id}: ${stderr}`)
    const [lease] = (JSON.parse(stdout) as { leases: { address: string; subnet: string }[] }).leases
    const { subnets } = await host.ask('Leases')
    const length = lease?.subnet.split('/')[1] ?? ''
    this.#screen.good(`starling ip allocate ${id}: ${lease?.address} on ${host.name}`)
    return host.addContainer(`${lease?.address}/${length}`, subnets[0]?.gateway ?? '')
  }

  async detach(host: LabHost, id: string): Promise<void> {
    const { stdout, stderr, exitCode } = await host.cli('ip', 'release', id)
    if (exitCode !== 0) throw new LabError('not-seen', `starling ip release ${id}: ${stderr}`)
    this.#screen.good(`starling ip release ${id}: ${stdout.trim()}`)
  }
}

const attachmentOf = (namespace: string, id: string) => ({
  id,
  ifname: 'eth0',
  netns: `/run/netns/${namespace}`,
})
