/** Who is let into a cluster: by certificates, join tokens and changing keys, with real agents. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { executable, type LabHost } from '../../simulations/lab/host.ts'
import { RouteMonitor } from '../../simulations/lab/route-monitor.ts'
import type { Lab } from '../../simulations/lab/topology.ts'
import {
  converged,
  destinations,
  ownSubnets,
  peerNames,
  problems,
  startHosts,
  statusOf,
  subnetOf,
  until,
  withLab,
} from './lab.ts'

const clusterKey = ['--cluster-key', '11'.repeat(32)]

/** The operator's own machine: a directory. */
class Office {
  readonly directory: string
  readonly operatorKey: string

  private constructor(directory: string, operatorKey: string) {
    this.directory = directory
    this.operatorKey = operatorKey
  }

  static async open(directory: string): Promise<Office> {
    const office = join(directory, 'office')
    const words = ['admin', 'init', '--dir', office, '--json']
    const { stdout } = await promisify(execFile)(process.execPath, [executable, ...words])
    return new Office(office, (JSON.parse(stdout) as { operatorKey: string }).operatorKey)
  }

  async sign(...words: readonly string[]): Promise<string> {
    const all = [executable, 'admin', ...words, '--dir', this.directory]
    return (await promisify(execFile)(process.execPath, all)).stdout
  }
}

async function idOf(host: LabHost): Promise<string> {
  return until(`${host.name} answers`, async () => (await statusOf(host))?.node)
}

async function install(host: LabHost, paper: string): Promise<string> {
  const file = join(host.directory, 'paper')
  await writeFile(file, paper)
  const { exitCode, stdout, stderr } = await host.cli('admin', 'install', file)
  assert.equal(exitCode, 0, stderr)
  return stdout
}

/** Hosts with a certificate each, in one cluster. */
async function admitted(
  lab: Lab,
  office: Office,
  words: readonly (readonly string[])[],
): Promise<{ hosts: LabHost[]; options: string[] }> {
  const hosts: LabHost[] = []
  for (const _ of words) hosts.push(await lab.addHost())
  const seed = hosts[0]?.address ?? ''
  const options = ['--seed', seed, '--operator-key', office.operatorKey, ...clusterKey]
  for (const [index, host] of hosts.entries()) {
    await host.startAgent(options)
    const more = words[index] ?? []
    await install(host, await office.sign('admit', await idOf(host), '--name', host.name, ...more))
    await host.note('claim-confirmed')
  }
  await converged(...hosts)
  return { hosts, options }
}

test('a stranger with the cluster key is let in by a certificate and put out by a revocation, everywhere', () =>
  withLab('admission', async (lab) => {
    const office = await Office.open(lab.directory)
    const { hosts, options } = await admitted(lab, office, [
      [],
      ['--announce', '192.168.7.0/24', '--prefix', '172.16.40.0/22'],
      [],
    ])
    const [h1, h2, h3] = hosts
    assert.ok(h1 && h2 && h3)
    assert.equal(await subnetOf(h2), '172.16.40.0/22', 'the pinned subnet')
    const status = JSON.parse((await h1.cli('status', '--json')).stdout) as { admission: string }
    assert.equal(status.admission, 'signed')

    // It knows the key, and nothing of operators.
    const h4 = await lab.addHost()
    await h4.startAgent(['--seed', h1.address, ...clusterKey, '--join-timeout-ms', '60000'])
    await h4.note('not-admitted')
    await until('the stranger is named', async () => (await problems(h1)).get('peer-refused'))
    assert.match((await problems(h1)).get('peer-refused') ?? '', /has no certificate/)
    const id = await idOf(h4)
    assert.deepEqual(await peerNames(h4), [], 'no gossip gets through to it')
    assert.deepEqual(await peerNames(h1), ['h1', 'h2', 'h3'])
    assert.deepEqual(await h4.routes(), [])
    await h4.stopAgent()

    // As an agent of the signed cluster it claims nothing, and knows what it lacks.
    await h4.startAgent(options)
    const lack = await h4.note('not-admitted-self')
    assert.match(String(lack.mend), new RegExp(`starling admin admit ${id} --name h4`))
    assert.deepEqual(await ownSubnets(h4), [])
    assert.deepEqual(await h4.routes(), [])
    const installedAt = performance.now()
    await install(h4, await office.sign('admit', id, '--name', 'h4'))
    await h4.note('claim-confirmed', { timeoutMs: 20_000 })
    assert.ok(performance.now() - installedAt < 15_000, 'within seconds')
    await converged(...hosts, h4)
    const subnet = await subnetOf(h4)
    for (const host of hosts) assert.ok((await destinations(host)).includes(subnet), host.name)

    // What its certificate does not allow is refused, and named.
    const beforeMs = Date.now()
    const announced = await h4.cli('announce', '192.168.7.0/24')
    assert.equal(announced.exitCode, 1)
    assert.match(announced.stderr, /certificate does not allow 192\.168\.7\.0\/24/)
    assert.equal((await h2.cli('announce', '192.168.7.0/24')).exitCode, 0)
    await until('an allowed one is installed', async () =>
      (await destinations(h1)).includes('192.168.7.0/24'),
    )

    // Out everywhere, also at one that was down meanwhile, and had stored that it knows it.
    const { directory } = h3
    await until('h3 has stored what it knows', async () => {
      const { mtimeMs } = await stat(join(directory, 'state/known'))
      return mtimeMs > beforeMs
    })
    await h3.stopAgent()
    const before = h4.lines.length
    await install(h1, await office.sign('revoke', id))
    for (const host of [h1, h2]) {
      await until(
        `${host.name} drops the route`,
        async () => !(await destinations(host)).includes(subnet),
      )
    }
    await h4.note('not-admitted', { after: before })
    await h3.startAgent(options)
    await h3.note('node-expelled')
    await until('h3 drops the route', async () => !(await destinations(h3)).includes(subnet))
    await converged(h1, h2, h3)
    await until(
      'h3 knows the others alone',
      async () => (await peerNames(h3)).join() === 'h1,h2,h3',
    )
    await h1.stopAgent()
    const { length: after } = h1.lines
    await h1.startAgent(options)
    await h1.note('in-sync', { after })
    await converged(h1, h2, h3)
    await until('it stays over a restart', async () => (await peerNames(h1)).join() === 'h1,h2,h3')

    // A certificate of after the revocation is a new start.
    await install(h4, await office.sign('admit', id, '--name', 'h4'))
    await converged(...hosts, h4)
  }))

test('a node with another name than its certificate is refused, and both sides say so', () =>
  withLab('misnamed', async (lab) => {
    const office = await Office.open(lab.directory)
    const { hosts, options } = await admitted(lab, office, [[]])
    const [h1] = hosts
    const h2 = await lab.addHost()
    assert.ok(h1)
    await h2.startAgent(options)
    const id = await idOf(h2)
    await mkdir(h2.directory, { recursive: true })
    const wrong = join(h2.directory, 'wrong')
    await writeFile(wrong, await office.sign('admit', id, '--name', 'h9'))
    const refused = await h2.cli('admin', 'install', wrong)
    assert.equal(refused.exitCode, 1)
    assert.match(refused.stderr, /for the name h9, and this node is h2/)
    await h2.stopAgent()
    await h2.startAgent([...options, '--certificate-file', wrong])
    const line = await h2.note('not-admitted-self', { after: h2.lines.length })
    assert.match(line.msg, /this node is h2, and its certificate is for h9/)
    // It has a certificate, and so a connection; what it would say is refused.
    assert.deepEqual(await ownSubnets(h2), [])
    assert.deepEqual(await peerNames(h1), ['h1'])
    await h2.stopAgent()

    // One that does not look at its own certificate.
    await h2.startAgent(['--seed', h1.address, ...clusterKey, '--certificate-file', wrong])
    await until('the wrong name is told', async () => (await problems(h1)).get('record-refused'))
    assert.match((await problems(h1)).get('record-refused') ?? '', /h2 .*another name/)
    await h2.stopAgent()
    const plain = join(h2.directory, 'plain')
    await writeFile(plain, await office.sign('admit', id, '--name', 'h2'))
    await h2.startAgent([
      ...['--seed', h1.address, ...clusterKey, '--certificate-file', plain],
      ...['--announce', '192.168.9.0/24'],
    ])
    await until('the announced prefix is told', async () =>
      /announces a prefix/.test((await problems(h1)).get('record-refused') ?? ''),
    )
    assert.deepEqual(await destinations(h1), [])
  }))

test('three hosts join by one script with tokens; a token that was used does not admit another', () =>
  withLab('tokens', async (lab) => {
    const office = await Office.open(lab.directory)
    const made = await office.sign('token', '--count', '3', '--until', '1d', '--name-pattern', 'h*')
    const tokens = made.trim().split('\n')
    assert.equal(tokens.length, 3)
    const hosts = [await lab.addHost(), await lab.addHost(), await lab.addHost()]
    const [h1] = hosts
    assert.ok(h1)
    const options = ['--seed', h1.address, '--operator-key', office.operatorKey]
    for (const [index, host] of hosts.entries()) {
      await host.startAgent([...options, '--join-token', tokens[index] ?? ''])
    }
    for (const host of hosts) await host.note('claim-confirmed')
    await converged(...hosts)
    assert.equal((await h1.routes()).length, 2)

    const thief = await lab.addHost()
    await thief.startAgent([...options, '--join-token', tokens[2] ?? ''])
    await until('the second use is said loudly', async () =>
      (await problems(h1)).get('token-used-twice'),
    )
    const said = (await problems(h1)).get('token-used-twice') ?? ''
    assert.match(said, /h3/)
    assert.match(said, /h4/)
    await until('exactly one of the two is in', async () => {
      const names = await peerNames(h1)
      return names.length === 3 && names.includes('h3') !== names.includes('h4')
    })
  }))

test('a cluster changes its key in three steps under a running ping, and loses no route', () =>
  withLab('rotation', async (lab) => {
    const [before, after] = ['11'.repeat(32), '22'.repeat(32)]
    const hosts = await startHosts(lab, 3, ['--cluster-key', before])
    const [h1, h2] = hosts
    assert.ok(h1 && h2)
    for (const host of hosts) await host.note('claim-confirmed')
    await converged(...hosts)
    const containers = []
    for (const host of [h1, h2]) {
      const base = (await subnetOf(host)).split('/')[0]?.split('.').slice(0, 3).join('.')
      containers.push(await host.addContainer(`${base}.9/22`, `${base}.1`))
    }
    const [c1, c2] = containers
    assert.ok(c1 && c2)
    assert.equal((await c1.ping(c2)).received, 3)
    const monitors = await Promise.all(hosts.map((host) => RouteMonitor.start(host.namespace)))
    const stop = await c1.stream(c2)
    const steps = [
      ['--cluster-key', before, '--cluster-key-accept', after],
      ['--cluster-key', after, '--cluster-key-accept', before],
      ['--cluster-key', after],
    ]
    for (const keys of steps) {
      for (const host of hosts) {
        await host.stopAgent()
        await host.startAgent(['--seed', h1.address, '--seed', h2.address, ...keys])
        await until(`${host.name} is back`, async () => {
          const state = await statusOf(host)
          return state?.convergence.converged && state.peersConnected === 2
        })
      }
    }
    const { sent, received } = await stop()
    assert.ok(sent > 100)
    assert.equal(received, sent)
    for (const monitor of monitors) assert.deepEqual(await monitor.stop(), [])
    await converged(...hosts)
  }))
