/** Containers that vanish without a DEL give their addresses back, and none that may live loses its own. */

import assert from 'node:assert/strict'
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readlink, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import grpc from '@grpc/grpc-js'
import { CniRuntime } from '../../simulations/lab/cni-runtime.ts'
import { ended } from '../../simulations/lab/containerd.ts'
import { executable, type LabHost } from '../../simulations/lab/host.ts'
import { ip } from '../../simulations/lab/iproute.ts'
import { serviceNames } from '../../src/adapters/api/definition.ts'
import network from '../../src/adapters/api/proto/network.json' with { type: 'json' }
import { loadService } from '../../src/adapters/api/service.ts'
import { inNamespace } from '../adapters/netlink/in-namespace.ts'
import { withContainerds } from './containerds.ts'
import { converged, leases, ready, shell, startHosts, until, withLab } from './lab.ts'

const run = promisify(execFile)

const soon = ['--leak-ms', '1s']

// The kernel gives the number of a namespace that ended to the next one, whosever that is: what other tests make would
// be taken for it.
if (await inNamespace(import.meta.url, '--pid')) {
  execFileSync('mount', ['-t', 'tmpfs', 'none', '/run/netns'])
  describe('leaks', suite)
}

function suite(): void {
  test('what ctr removes without a DEL is freed; what runs, is paused, or came by another door is not', () =>
    withContainerds('leaksctr', soon, async ([host], [containerd]) => {
      assert.ok(host && containerd)
      await forgetSoon(host)
      const start = async (id: string) =>
        assert.equal(await ended(containerd.run(id, '--detach')), 0, id)
      for (const id of ['runs', 'paused', 'dropped']) await start(id)
      await containerd.ctr('task', 'pause', 'paused')
      assert.equal((await host.cli('ip', 'allocate', 'by-hand')).exitCode, 0)
      await allocateByGrpc(host, 'by-grpc')
      await containerd.drop('dropped')
      await freed(host, 'default-dropped')
      // Another one that is looked for as often, and is missed: the others were looked for as well.
      await start('later')
      await containerd.drop('later')
      await freed(host, 'default-later')
      assert.deepEqual(await idsOn(host), ['by-grpc', 'by-hand', 'default-paused', 'default-runs'])
      await containerd.ctr('task', 'resume', 'paused')
      for (const id of ['runs', 'paused']) await containerd.drop(id)
      for (const id of ['runs', 'paused']) await freed(host, `default-${id}`)
      assert.deepEqual(await idsOn(host), ['by-grpc', 'by-hand'])
    }))

  test('a namespace is kept as long as it is anywhere, and freed when it is nowhere', () =>
    withStage('leaksns', async (stage) => {
      const { host } = stage
      const named = await stage.addNamed('named')
      const unmounted = await stage.addNamed('unmounted')
      const inside = await stage.spawn('nsenter', `--net=${unmounted}`, ...sleeps)
      const moving = await stage.spawn('unshare', '--net', 'sh', '-c', moves(named))
      const staying = await stage.spawn('nsenter', `--net=${netnsOf(moving)}`, ...sleeps)
      await stage.add('moved', netnsOf(moving))
      const pinned = await stage.spawn('unshare', '--net', ...sleeps)
      await stage.add('pinned', netnsOf(pinned))
      const pin = join(host.directory, 'pin')
      await writeFile(pin, '')
      await run('mount', ['--bind', netnsOf(pinned), pin])
      // So that not the wire is what saves them; the pinned one has nothing else.
      for (const child of [inside, staying]) await silence(child)
      try {
        // As seen from outside, its number belongs to a process in another namespace from here on.
        const former = await readlink(netnsOf(moving))
        moving.stdin?.write('\n')
        await until('it is there', async () => (await readlink(netnsOf(moving))) !== former)
        // The process that moved keeps it.
        await ip(`netns del ${nameOf(named)}`)
        await run('umount', [unmounted])
        await end(pinned)
        await stage.passes()
        assert.deepEqual(await idsOn(host), ['moved', 'named', 'pinned', 'unmounted'])

        await end(moving)
        await end(staying)
        await freed(host, 'moved')
        await run('umount', [pin])
        await freed(host, 'pinned')
      } finally {
        await run('umount', [pin]).catch(() => undefined)
        await rm(unmounted, { force: true })
      }
      await freed(host, 'named')
      await stage.passes()
      assert.deepEqual(await idsOn(host), ['unmounted'], 'its process lives')
      await end(inside)
      await freed(host, 'unmounted')
    }))

  test('an agent that cannot see namespaces frees none of them', () =>
    withStage('leakshidden', async (stage) => {
      const { host } = stage
      const seen = await stage.addNamed('seen')
      const hiding = join(host.directory, 'hiding')
      const hide = 'mount -t tmpfs tmpfs /run/netns'
      await writeFile(hiding, `#!/bin/sh\n${hide} && exec '${executable}' "$@"\n`, { mode: 0o755 })
      await stage.restart(hiding)
      const unseen = await stage.addNamed('unseen')
      const inside = await stage.spawn('nsenter', `--net=${unseen}`, ...sleeps)
      await stage.passes()
      for (const path of [seen, unseen]) await ip(`netns del ${nameOf(path)}`)
      await end(inside)
      await stage.passes()
      assert.deepEqual(await idsOn(host), ['seen', 'unseen'])
      // One that sees them frees what it, or one before it, has seen.
      await stage.restart()
      await freed(host, 'seen')
      await stage.passes()
      assert.deepEqual(await idsOn(host), ['unseen'])
      assert.equal(
        (await host.cli('ip', 'release', (await leases(host))[0]?.address ?? '')).exitCode,
        0,
      )
    }))

  test('a boot of the host ends the leases of CNI, and no others', () =>
    withStage('leaksboot', async (stage) => {
      const { host } = stage
      await stage.addNamed('before')
      assert.equal((await host.cli('ip', 'allocate', 'by-hand')).exitCode, 0)
      await allocateByGrpc(host, 'by-grpc')
      assert.equal(await host.stopAgent(), 0)
      const file = new DatabaseSync(join(host.directory, 'state', 'leases'))
      file.exec("UPDATE leases SET boot_id = 'another' WHERE boot_id <> ''")
      file.close()
      const after = host.lines.length
      await stage.start()
      await host.note('leases-void', { after })
      await until('they are void', async () => !(await idsOn(host)).includes('before'))
      assert.deepEqual(await idsOn(host), ['by-grpc', 'by-hand'])
      await stage.addNamed('next')
      await stage.restart()
      assert.deepEqual(await idsOn(host), ['by-grpc', 'by-hand', 'next'])
    }))
}

const sleeps = ['sleep', '100000']

/** A shell that goes to another namespace when it is told to, and keeps its number. */
const moves = (to: string): string => `read -r _; exec nsenter --net=${to} ${sleeps.join(' ')}`

const netnsOf = ({ pid }: ChildProcess): string => `/proc/${pid}/ns/net`
const nameOf = (path: string): string => path.slice('/run/netns/'.length)

/** A host on which containers are network namespaces. */
class Stage {
  readonly host: LabHost
  readonly #runtime: CniRuntime
  readonly #children: ChildProcess[] = []
  #passes = 0

  constructor(host: LabHost) {
    this.host = host
    this.#runtime = new CniRuntime(host)
  }

  async install(): Promise<void> {
    await this.#runtime.install()
  }

  async start(program?: string): Promise<void> {
    const after = this.host.lines.length
    await this.host.startAgent([...soon, '--seed', this.host.address], program)
    await this.host.note('in-sync', { after })
    await converged(this.host)
  }

  async restart(program?: string): Promise<void> {
    assert.equal(await this.host.stopAgent(), 0)
    await this.start(program)
  }

  /** A container with a name in /run/netns, whose path is returned. */
  async addNamed(id: string): Promise<string> {
    const name = `${this.host.namespace}-${id}`
    await ip(`netns add ${name}`)
    await this.add(id, `/run/netns/${name}`)
    return `/run/netns/${name}`
  }

  async add(id: string, netns: string): Promise<void> {
    await this.#runtime.add({ id, ifname: 'eth0', netns })
  }

  /** Resolves when the process is in its namespace. */
  async spawn(program: string, option: string, ...words: readonly string[]): Promise<ChildProcess> {
    const script = ['sh', '-c', 'echo there; exec "$@"', 'sh', ...words]
    const child = spawn(program, [option, ...script], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#children.push(child)
    await once(child.stdout, 'data')
    return child
  }

  /** Whoever is missed meanwhile is freed: as often as one that is, all are looked for. */
  async passes(): Promise<void> {
    this.#passes += 1
    const id = `missed-${this.#passes}`
    const child = await this.spawn('unshare', '--net', ...sleeps)
    await this.add(id, netnsOf(child))
    await end(child)
    await freed(this.host, id)
  }

  async end(): Promise<void> {
    await Promise.all(this.#children.map(end))
  }
}

function withStage(name: string, use: (stage: Stage) => Promise<void>): Promise<void> {
  return withLab(name, async (lab) => {
    const [host] = await ready(await startHosts(lab, 1, soon))
    assert.ok(host)
    const stage = new Stage(host)
    try {
      await forgetSoon(host)
      await stage.install()
      await use(stage)
    } finally {
      await stage.end()
    }
  })
}

/**
 * Before an address is free the wire is asked for it, and its kernel takes some ten seconds to say that nobody answers:
 * it believes what it heard for half a minute, waits five seconds, and asks three times within three. Here nobody is
 * further away than a quarter of a second.
 */
async function forgetSoon(host: LabHost): Promise<void> {
  const settings = ['base_reachable_time_ms=500', 'delay_first_probe_time=1', 'retrans_time_ms=250']
  for (const family of ['ipv4', 'ipv6']) {
    for (const setting of settings) {
      await shell(host, `sysctl -qw net.${family}.neigh.starling0.${setting}`)
    }
  }
}

/** Its interface is down: nothing in the namespace answers. */
async function silence(child: ChildProcess): Promise<void> {
  await run('nsenter', [`--net=${netnsOf(child)}`, 'ip', 'link', 'set', 'eth0', 'down'])
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

async function freed(host: LabHost, id: string): Promise<void> {
  const isOfId = (line: { code?: string; id?: unknown }) =>
    line.code === 'lease-leaked' && line.id === id
  await host.seen(`the lease of ${id} is freed`, isOfId, { timeoutMs: 90_000 })
  await until('it is durable', async () => !(await idsOn(host)).includes(id))
}

const idsOn = async (host: LabHost): Promise<string[]> =>
  (await leases(host)).map(({ id }) => id).sort()

async function allocateByGrpc(host: LabHost, id: string): Promise<void> {
  const { definition } = loadService(network, serviceNames.network)
  const Client = grpc.makeGenericClientConstructor(definition, 'Network')
  const client = new Client(`unix:${host.socket}`, grpc.credentials.createInsecure())
  type Call = (request: object, done: (error: grpc.ServiceError | null) => void) => void
  try {
    await new Promise<void>((resolve, reject) => {
      const request = { id, subnetCidr: '', node: host.name }
      const call = client.AllocateIP as Call
      call.call(client, request, (error) => (error ? reject(error) : resolve()))
    })
  } finally {
    client.close()
  }
}
