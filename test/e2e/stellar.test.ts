/** Stellar's network service as a client in another language sees it: every call, on the socket and over TCP. */

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import type { LabHost } from '../../simulations/lab/host.ts'
import { converged, destinations, subnetOf, until, withLab } from './lab.ts'

const program = new URL('./stellar-client.py', import.meta.url).pathname
const proto = new URL('../../src/adapters/api/proto/', import.meta.url).pathname

interface Answer {
  readonly response?: unknown
  readonly code?: string
  readonly text?: string
}

/** A process of Python in a host's network namespace. */
class Client {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  constructor(host: LabHost, directory: string) {
    const python = ['/usr/bin/python3', program, proto, directory]
    this.#child = spawn('nsenter', [`--net=/run/netns/${host.namespace}`, ...python], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    assert.ok(this.#child.stdout)
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  async ask(target: string, method: string, request: unknown): Promise<Answer> {
    this.#child.stdin?.write(`${JSON.stringify({ target, method, request })}\n`)
    const { value } = await this.#lines.next()
    assert.ok(value, `an answer to ${method}`)
    return JSON.parse(value)
  }

  async stop(): Promise<void> {
    this.#child.stdin?.end()
    await once(this.#child, 'exit')
  }
}

test('every call of the service answers as Stellar does, or better', () =>
  withLab('stellar', async (lab) => {
    const h1 = await lab.addHost()
    const h2 = await lab.addHost()
    for (const host of [h1, h2]) {
      await host.startAgent(['--seed', h1.address, '--grpc-listen', '127.0.0.1:9000'])
    }
    for (const host of [h1, h2]) await host.note('claim-confirmed')
    await converged(h1, h2)
    const [own, other] = [await subnetOf(h1), await subnetOf(h2)]
    const directory = await mkdtemp(join(tmpdir(), 'starling-stellar-'))
    const client = new Client(h1, directory)
    const unix = `unix:${h1.socket}`
    const tcp = '127.0.0.1:9000'
    const says = async (method: string, request: unknown, expected: Answer, target = unix) =>
      assert.deepEqual(await client.ask(target, method, request), expected, method)
    try {
      await says('Info', {}, { response: { id: 'stellar.services.network.v1' } })
      await says('Info', {}, { response: { id: 'stellar.services.network.v1' } }, tcp)
      const peers = JSON.parse((await h1.cli('peers', '--json')).stdout).peers
      const idOf = (name: string) => peers.find((peer: { name: string }) => peer.name === name).node

      // Subnets of nodes, by name and by id.
      for (const node of [h1.name, idOf(h1.name)]) {
        await says('AllocateSubnet', { node }, { response: { subnet_cidr: own, node } })
        await says('GetSubnet', { node }, { response: { subnet_cidr: own } })
      }
      await says('GetSubnet', { node: idOf(h2.name) }, { response: { subnet_cidr: other } })
      for (const method of ['GetSubnet', 'AllocateSubnet']) {
        await says(method, { node: 'nobody' }, { code: 'NOT_FOUND', text: 'subnet not found' })
      }
      const all = (await client.ask(unix, 'Subnets', {})).response as { subnets: unknown[] }
      assert.equal(all.subnets.length, 1_024)
      assert.deepEqual(all.subnets[1], { cidr: '172.16.4.0/22', gateway: '172.16.4.1' })

      // Addresses of this node.
      const mine = { id: 'c1', node: h1.name }
      await says('GetIP', mine, { response: { ip: '' } })
      const first = await client.ask(tcp, 'AllocateIP', { ...mine, subnet_cidr: own })
      const { ip } = first.response as { ip: string }
      await says('AllocateIP', mine, { response: { ip, node: h1.name } })
      await says('GetIP', mine, { response: { ip } }, tcp)
      const wrong = await client.ask(unix, 'AllocateIP', {
        id: 'c2',
        node: h1.name,
        subnet_cidr: other,
      })
      assert.equal(wrong.code, 'INVALID_ARGUMENT')
      assert.equal(
        (await client.ask(unix, 'AllocateIP', { id: 'c2', subnet_cidr: '10.0.0.1/8' })).code,
        'INVALID_ARGUMENT',
      )
      assert.equal((await client.ask(unix, 'AllocateIP', { id: '' })).code, 'INVALID_ARGUMENT')
      const huge = { id: 'x'.repeat(10_000), node: h1.name }
      assert.equal((await client.ask(unix, 'AllocateIP', huge)).code, 'INVALID_ARGUMENT')
      const stale = await client.ask(unix, 'ReleaseIP', {
        ...mine,
        ip: other.replace('.0/22', '.9'),
      })
      assert.equal(stale.code, 'FAILED_PRECONDITION')
      await says('ReleaseIP', { ...mine, ip: '<nil>' }, { response: {} })
      await says('ReleaseIP', { ...mine, ip: '<nil>' }, { response: {} })
      await says('GetIP', mine, { response: { ip: '' } })

      // Addresses of another node: asked of that node.
      const theirs = { id: 'c1', node: h2.name }
      const there = await client.ask(unix, 'AllocateIP', theirs)
      const far = (there.response as { ip: string }).ip
      assert.deepEqual(there, { response: { ip: far, node: h2.name } })
      await says(
        'AllocateIP',
        { ...theirs, node: idOf(h2.name) },
        { response: { ip: far, node: idOf(h2.name) } },
      )
      await says('GetIP', theirs, { response: { ip: far } })
      const { stdout: told } = await h1.cli('explain', far)
      assert.match(told, new RegExp(`${far} +is held by grpc c1 since `))
      assert.match(told, new RegExp(`subnet +${other} of ${h2.name}, confirmed `))
      assert.match(told, new RegExp(`route +${other} via ${h2.address} dev eth0, in kernel`))
      const held = await client.ask(unix, 'DeallocateSubnet', { subnet_cidr: other, node: h2.name })
      assert.equal(held.code, 'FAILED_PRECONDITION')
      await says('ReleaseIP', theirs, { response: {} })
      await says('GetIP', theirs, { response: { ip: '' } })
      await says('GetIP', { id: 'c1', node: 'nobody' }, { response: { ip: '' } })

      // Routes.
      const routes = [own, other].sort().map((cidr) => ({
        cidr,
        target: cidr === own ? h1.address : h2.address,
      }))
      await says('Routes', {}, { response: { routes } })
      await says('AddRoute', { cidr: own, target: h1.address }, { response: {} })
      const taken = { code: 'ALREADY_EXISTS', text: 'route exists in configuration' }
      await says('AddRoute', { cidr: other, target: h1.address }, taken)
      const extra = { cidr: '10.77.0.0/16', target: h2.address }
      await says('AddRoute', extra, { response: {} })
      await until('the other node announces it', async () =>
        (await destinations(h1)).includes(extra.cidr),
      )
      await says('AddRoute', extra, { response: {} })
      await says('AddRoute', { ...extra, target: h1.address }, taken)
      assert.equal(
        (await client.ask(unix, 'AddRoute', { ...extra, target: '192.0.2.1' })).code,
        'INVALID_ARGUMENT',
      )
      assert.equal(
        (await client.ask(unix, 'AddRoute', { ...extra, cidr: 'x' })).code,
        'INVALID_ARGUMENT',
      )
      assert.equal(
        (await client.ask(unix, 'DeleteRoute', { cidr: other, target: '' })).code,
        'FAILED_PRECONDITION',
      )
      await says('DeleteRoute', extra, { response: {} })
      await until('it is withdrawn', async () => !(await destinations(h1)).includes(extra.cidr))
      await says('DeleteRoute', extra, { response: {} })
      await says('Configure', { subnet: own }, { response: {} })

      // A subnet that nobody uses can be given up, and is claimed again on demand.
      await says(
        'DeallocateSubnet',
        { subnet_cidr: '172.31.0.0/22', node: h1.name },
        { response: {} },
      )
      await says('DeallocateSubnet', { subnet_cidr: own, node: h1.name }, { response: {} })
      const none = {
        code: 'RESOURCE_EXHAUSTED',
        text: 'no available subnets in network configuration',
      }
      await says('AllocateSubnet', { node: h1.name }, none)
      await converged(h1)
      await says(
        'AllocateSubnet',
        { node: h1.name },
        { response: { subnet_cidr: own, node: h1.name } },
      )

      // Health and reflection; starling's own service is not for TCP.
      for (const target of [unix, tcp]) {
        await says('check', ['stellar.services.network.v1.Network'], { response: 1 }, target)
        await says('check', [''], { response: 1 }, target)
        assert.equal((await client.ask(target, 'check', ['x'])).code, 'NOT_FOUND')
      }
      const reflected = (await client.ask(tcp, 'reflect', ['stellar.services.network.v1.Network']))
        .response as {
        services: string[]
        messages: string[]
      }
      assert.deepEqual(reflected.services, [
        'stellar.services.network.v1.Network',
        'grpc.health.v1.Health',
        'grpc.reflection.v1.ServerReflection',
      ])
      assert.ok(
        reflected.messages.includes('AllocateIPRequest') && reflected.messages.includes('Empty'),
      )
      const status = await client.ask(tcp, 'raw', ['/starling.v1.Operator/Status', ''])
      assert.equal(status.code, 'UNIMPLEMENTED')

      // What is no protobuf is the caller's fault, and nobody else's.
      const hostile = await client.ask(unix, 'raw', [
        '/stellar.services.network.v1.Network/AllocateIP',
        'ffffffff',
      ])
      assert.equal(hostile.code, 'INTERNAL')
      await says('Info', {}, { response: { id: 'stellar.services.network.v1' } })

      // Another node that does not answer is named.
      await h2.stopAgent()
      const gone = await client.ask(unix, 'AllocateIP', theirs)
      assert.equal(gone.code, 'UNAVAILABLE')
      assert.match(
        gone.text ?? '',
        new RegExp(`node ${h2.name}, whose subnet it is, does not answer`),
      )
    } finally {
      await client.stop()
      await rm(directory, { recursive: true })
    }
  }))
