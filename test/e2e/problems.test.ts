/** What `starling status` can name and no other end-to-end test causes: caused, shown, mended, and gone. */

import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { clockLibrary } from '../../simulations/chaos/clock-library.ts'
import { CniRuntime } from '../../simulations/lab/cni-runtime.ts'
import { executable, type LabHost } from '../../simulations/lab/host.ts'
import { ip } from '../../simulations/lab/iproute.ts'
import type { Lab } from '../../simulations/lab/topology.ts'
import { prefixOf } from '../../simulations/literal.ts'
import type { NodeId } from '../../src/core/claim/record.ts'
import type { ProblemCode } from '../../src/core/problem.ts'
import { operatorText, paperText, signCertificate } from '../../src/wire/paper.ts'
import { keyPairFromSeed } from '../../src/wire/signature.ts'
import { inNamespace } from '../adapters/netlink/in-namespace.ts'
import type { Line, Place } from './insider.ts'
import { isWell, ready, shell, startHosts, statusOf, until, withLab } from './lab.ts'

const run = promisify(execFile)

/** Eight subnets of 29 addresses. */
const pool = '10.200.0.0/24'
const options = [
  ...['--pool', pool, '--prefix-length', '27', '--nodes-max', '16', '--routes-max', '1'],
  ...['--settle-ms', '100ms', '--join-timeout-ms', '3s', '--watch-ms', '250ms', '--leak-ms', '1s'],
  // Longer than an agent takes to start, and shorter than this cluster has stood when a subnet of it is contested.
  ...['--tenure-ms', '8s'],
]
const publicAddress = '203.0.113.9'

// The number of a namespace that ended goes to the next one: what other tests make would be taken for it.
if (await inNamespace(import.meta.url, '--pid')) {
  await run('mount', ['-t', 'tmpfs', 'none', '/run/netns'])
  test('a host by itself', (t) => withLab('lone', (lab) => alone(t, lab)))
  test('hosts of a cluster', (t) => withLab('problems', (lab) => together(t, lab)))
}

async function alone(t: TestContext, lab: Lab): Promise<void> {
  const host = await lab.addHost()
  await shell(
    host,
    `ip addr add ${publicAddress}/24 dev eth0; ip addr del ${host.address}/16 dev eth0`,
  )
  await shell(
    host,
    'sysctl -qw net.ipv4.ip_forward=0; ip link add starling0 type veth peer name other',
  )
  const empty = join(host.directory, 'empty')
  await mkdir(empty, { recursive: true })
  const hidden = await script(host, 'hidden', [
    `mount --bind ${empty} /usr/sbin`,
    'mount --bind /proc/sys /proc/sys',
    'mount -o remount,bind,ro /proc/sys',
  ])
  await host.startAgent([...options, '--masquerade', '--open-forward'], hidden)
  await host.note('claim-confirmed')
  const mend = (...words: string[]) =>
    run('nsenter', [`--mount=/proc/${host.agentPid}/ns/mnt`, ...words])

  await t.test('a veth has the name of the bridge', async () => {
    assert.match(
      await shows(host, 'bridge-failed'),
      /starling0 exists and is not a bridge \(veth\)/,
    )
    await shell(host, 'ip link del starling0')
    await ends(host, 'bridge-failed')
  })
  await t.test('IP forwarding is off, and /proc/sys is read-only', async () => {
    assert.match(await shows(host, 'forwarding-off'), /ip_forward cannot be set to 1 \(EROFS\)/)
    await shell(host, 'sysctl -qw net.ipv4.ip_forward=1')
    await host.ask('Resync')
    await ends(host, 'forwarding-off')
  })
  await t.test('the programs of the firewall are not there', async () => {
    assert.match(await shows(host, 'firewall-failed'), /the program (nft|iptables) is not there/)
    await mend('umount', '/usr/sbin')
    await ends(host, 'firewall-failed')
  })
  await t.test('whoever reaches its address of the internet may join', async () => {
    assert.match(
      await shows(host, 'open-admission'),
      new RegExp(publicAddress.replaceAll('.', '\\.')),
    )
    await shell(
      host,
      `ip addr add ${host.address}/16 dev eth0; ip addr del ${publicAddress}/24 dev eth0`,
    )
    await ends(host, 'open-admission')
  })
  await t.test('its certificate expires soon, and does not allow what it announces', async () => {
    const operator = keyPairFromSeed(randomBytes(32))
    const { node } = await host.ask('Status')
    const sign = (serial: number, announce: string[], notAfterMs: number | undefined) =>
      signCertificate(
        {
          cluster: 'starling',
          serial,
          node: node as NodeId,
          name: host.name,
          pinned: [],
          announce: announce.map(prefixOf),
          notAfterMs,
        },
        operator,
      )
    const file = join(host.directory, 'paper')
    await writeFile(file, paperText(sign(1, [], Date.now() + 100 * 3_600_000)))
    await host.stopAgent()
    const signed = ['--operator-key', operatorText(operator.publicKey), '--certificate-file', file]
    await host.startAgent([...options, ...signed, '--announce', '10.70.0.0/24'])
    assert.match(await shows(host, 'certificate-expires'), /expires in (99|100) h/)
    assert.match(await shows(host, 'announce-not-allowed'), /10\.70\.0\.0\/24/)
    await host.ask('InstallCertificate', { papers: [sign(2, ['10.70.0.0/24'], undefined)] })
    await ends(host, 'certificate-expires')
    await ends(host, 'announce-not-allowed')
    await until('all is well', () => isWell(host))
  })
}

async function together(t: TestContext, lab: Lab): Promise<void> {
  const hosts = await startHosts(lab, 3, options)
  const [h1, h2, h3] = hosts
  assert.ok(h1 && h2 && h3)
  await ready(hosts)
  const seed = ['--seed', h1.address]
  const h4 = await lab.addHost()
  const insider = Insider.enter(await lab.addHost('insider'))
  try {
    await t.test('a node announces a part of what another one announces', async () => {
      const [lower, higher] = await byId(h1, h2)
      await higher.ask('Announce', { prefix: '10.70.1.0/24' })
      await lower.ask('Announce', { prefix: '10.70.0.0/16' })
      assert.match(await shows(higher, 'announcement-refused'), /a part of 10\.70\.0\.0\/16/)
      await lower.ask('Withdraw', { prefix: '10.70.0.0/16' })
      await ends(higher, 'announcement-refused')
      await higher.ask('Withdraw', { prefix: '10.70.1.0/24' })
    })
    await t.test('more prefixes are announced than routesMax', async () => {
      for (const prefix of ['10.71.0.0/24', '10.72.0.0/24']) await h2.ask('Announce', { prefix })
      assert.match(
        await shows(h1, 'routes-full'),
        /routes lead to 1 announced prefixes.* 1 are left out/,
      )
      for (const prefix of ['10.72.0.0/24', '10.71.0.0/24']) await h2.ask('Withdraw', { prefix })
      await ends(h1, 'routes-full')
    })
    await t.test('every address of a subnet is held', async () => {
      const ids = Array.from({ length: 29 }, (_, index) => `c${index}`)
      const allocate = (id: string) =>
        h3.ask('AllocateLease', { id, name: '', addresses: [], families: [] })
      await Promise.all(ids.map(allocate))
      await assert.rejects(allocate('one more'))
      assert.match(
        await shows(h3, 'subnet-exhausted'),
        /every address of 10\.200\.0\.\d+\/27 is held/,
      )
      await Promise.all(ids.map((id) => h3.ask('ReleaseLease', { id, address: '' })))
      await ends(h3, 'subnet-exhausted')
    })
    await t.test('nine containers are gone at once', async () => {
      const runtime = new CniRuntime(h2)
      await runtime.install()
      await ip(`netns add ${h2.namespace}-gone`)
      const netns = `/run/netns/${h2.namespace}-gone`
      const ids = Array.from({ length: 9 }, (_, index) => `gone-${index}`)
      for (const [index, id] of ids.entries())
        await runtime.add({ id, ifname: `eth${index}`, netns })
      await ip(`netns del ${h2.namespace}-gone`)
      assert.match(await shows(h2, 'leaks-held-back'), /9 containers are no longer seen/)
      const { leases } = await h2.ask('Leases')
      await Promise.all(leases.map(({ address }) => h2.ask('ReleaseLease', { id: '', address })))
      await ends(h2, 'leaks-held-back')
    })
    await t.test('networks of a host cover more than half of the pool', async () => {
      await shell(h3, 'ip link add vpn0 type bridge; ip link set vpn0 up')
      for (const part of ['10.200.0.0/25', '10.200.0.128/26'])
        await shell(h3, `ip route add ${part} dev vpn0`)
      assert.match(await shows(h3, 'exclusions-too-broad'), /this node gets no subnet/)
      assert.match(
        await shows(h1, 'exclusions-ignored'),
        /node h3 \(.* excludes more than half of pool/,
      )
      await shell(h3, 'ip link del vpn0')
      await ends(h3, 'exclusions-too-broad')
      await ends(h1, 'exclusions-ignored')
    })
    await t.test(
      'a host joins whose clock was never set, when others exclude all that is free',
      async () => {
        for (const [host, network] of [
          [h1, '10.200.0.128/25'],
          [h2, '10.200.0.96/27'],
        ] as const) {
          await shell(
            host,
            `ip link add vpn0 type bridge; ip link set vpn0 up; ip route add ${network} dev vpn0`,
          )
        }
        const late = await script(h4, 'late', [
          `export LD_PRELOAD=${clockLibrary()} FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME='@2019-06-01 00:00:00'`,
        ])
        await h4.startAgent([...seed, ...options], late)
        assert.match(await shows(h4, 'exclusions-overridden'), /which h[12](, h2)? excludes/)
        assert.match(await shows(h4, 'clock-unset'), /clock of this host was never set/)
        assert.match(await shows(h1, 'clock-unset'), /clock of h4 was never set/)
        assert.match(await shows(h1, 'clock-skew'), /clock of h4 is \d+ s behind/)
        for (const host of [h1, h2]) await shell(host, 'ip link del vpn0')
        await ends(h4, 'exclusions-overridden')
        await h4.stopAgent()
        await h4.startAgent([...seed, ...options])
        await ends(h1, 'clock-unset')
        await ends(h1, 'clock-skew')
        await ready([h4])
      },
    )
    await t.test('a node whose agent was killed is evicted', async () => {
      await h4.stopAgent('SIGKILL')
      // Refused as long as it counts as connected.
      await until('h1 evicts it', () =>
        h1.ask('Evict', { node: 'h4' }).then(
          () => true,
          () => false,
        ),
      )
      assert.match(await shows(h1, 'eviction-pending'), /node h4 is evicted by/)
      await h4.startAgent([...seed, ...options])
      await ends(h1, 'eviction-pending')
    })
    await t.test('the link of a host has no carrier', async () => {
      await ip(`-n ${h3.switch} link set ${h3.port} down`)
      assert.match(await shows(h3, 'route-dead'), /is in the kernel, but its link is down/)
      assert.match(await shows(h1, 'node-down'), /host h3 does not answer/)
      await ip(`-n ${h3.switch} link set ${h3.port} up`)
      await ends(h3, 'route-dead')
      await ends(h1, 'node-down')
    })
    await t.test('the kernel has no memory for what is asked of it', async () => {
      const stop = await refusing(h1)
      await h2.ask('Announce', { prefix: '10.73.0.0/24' })
      assert.match(
        await shows(h1, 'route-failed'),
        /the kernel refused route 10\.73\.0\.0\/24: ENOMEM/,
      )
      assert.match(await shows(h1, 'kernel-unreadable'), /cannot send to the kernel: ENOMEM/)
      await stop()
      await ends(h1, 'kernel-unreadable')
      await ends(h1, 'route-failed')
      await h2.ask('Withdraw', { prefix: '10.73.0.0/24' })
    })
    await t.test('somebody claims the subnet of another node', async () => {
      await insider.says({ say: 'it held another subnet first', to: h1.address, of: 'h2' })
      assert.match(await shows(h1, 'claim-contested'), /says that it had .* before h2/)
      await insider.says({ say: 'farewell', to: h1.address })
      await ends(h1, 'claim-contested')
    })
    await t.test('somebody evicts a node that is connected', async () => {
      await insider.says({ say: 'it is evicted itself', to: h1.address })
      assert.match(await shows(h1, 'eviction-refused'), /is refused: it is alive/)
      await insider.says({ say: 'it is still there', to: h1.address })
      await ends(h1, 'eviction-refused')
    })
    await t.test('a node names an address of the internet', async () => {
      await insider.says({ say: 'a node is at an address of the internet', to: h1.address })
      assert.match(await shows(h1, 'dial-forbidden'), /a node at .*203\.0\.113\.9.* is not dialled/)
      await insider.says({ say: 'farewell', to: h1.address })
      await ends(h1, 'dial-forbidden')
    })
    await t.test('two agents have one identity', async () => {
      await insider.says({
        say: 'two things at once, as two agents with one identity do',
        to: h1.address,
      })
      assert.match(await shows(h1, 'node-twice'), /runs twice with one identity/)
      await insider.says({ say: 'farewell', to: h1.address })
      await ends(h1, 'node-twice')
    })
    await t.test('more nodes come than nodesMax', async () => {
      await insider.says({ say: 'more nodes than there is room for', to: h1.address })
      assert.match(await shows(h1, 'nodes-full'), /16 nodes are known, as many as nodesMax allows/)
      await insider.says({ say: 'farewell', to: h1.address })
      await ends(h1, 'nodes-full')
    })
    await t.test('somebody claims what is not in its own pool', async () => {
      await insider.says({ say: 'a claim outside of its own pool', to: h1.address })
      assert.match(await shows(h1, 'entry-rejected'), /claim-outside-pool/)
    })
    await t.test('somebody sends what nobody signed', async () => {
      await insider.says({ say: 'forgeries', to: h2.address })
      assert.match(await shows(h2, 'peer-flooding'), /sends more forged signatures than it may/)
      // It is over once nothing came for a minute: test/adapters/libp2p/gate.test.ts has a clock of its own.
    })
    insider.end()
    // Before: nobody agrees with a peer that answers no comparison.
    await t.test('all is well once he is gone', async () => {
      await ends(h1, 'entry-rejected')
      for (const host of hosts)
        await until(`${host.name} is well`, () => isWellBut(host, 'peer-flooding'), 60_000)
    })
  } finally {
    insider.end()
  }
}

/** What its agent sends to the kernel finds no memory, until it is told to stop. */
async function refusing(host: LabHost): Promise<() => Promise<void>> {
  const pid = host.agentPid
  const words = [
    '-f',
    '-q',
    '-p',
    `${pid}`,
    '-e',
    'trace=sendmsg',
    '-e',
    'inject=sendmsg:error=ENOMEM',
  ]
  const tracer = spawn('strace', words, { stdio: 'ignore' })
  await until('its agent is traced', async () =>
    /^TracerPid:\s+[1-9]/m.test(await readFile(`/proc/${pid}/status`, 'utf8')),
  )
  return async () => {
    const ended = once(tracer, 'exit')
    tracer.kill('SIGINT')
    await ended
  }
}

/** The message of the problem, as soon as the agent has it. */
const shows = (host: LabHost, code: ProblemCode): Promise<string> =>
  until(`${host.name} shows ${code}`, () => messageOf(host, code))

async function ends(host: LabHost, code: ProblemCode): Promise<void> {
  await until(`${code} of ${host.name} ends`, async () => {
    const status = await statusOf(host)
    return status !== undefined && !status.problems.some((problem) => problem.code === code)
  })
}

async function isWellBut(host: LabHost, code: ProblemCode): Promise<boolean> {
  const status = await statusOf(host)
  return (
    status?.convergence.converged === true &&
    status.problems.every((problem) => problem.code === code)
  )
}

async function messageOf(host: LabHost, code: ProblemCode): Promise<string | undefined> {
  const status = await statusOf(host)
  return status?.problems.find((problem) => problem.code === code)?.message
}

/** Another way to start an agent. */
async function script(host: LabHost, name: string, lines: readonly string[]): Promise<string> {
  await mkdir(host.directory, { recursive: true })
  const path = join(host.directory, name)
  const text = ['#!/bin/sh', 'set -e', ...lines, `exec '${executable}' "$@"`, ''].join('\n')
  await writeFile(path, text, { mode: 0o755 })
  return path
}

async function byId(...hosts: readonly [LabHost, LabHost]): Promise<readonly [LabHost, LabHost]> {
  const [a, b] = hosts
  const [first, second] = [(await a.ask('Status')).node, (await b.ask('Status')).node]
  return first < second ? [a, b] : [b, a]
}

/** A member that is no agent. */
class Insider {
  readonly #child: ChildProcess
  readonly #lines: Interface
  private constructor(child: ChildProcess, lines: Interface) {
    this.#child = child
    this.#lines = lines
  }

  static enter({ namespace, address }: LabHost): Insider {
    const place: Place = { address, pool, subnetLength: 27 }
    const program = new URL('insider.ts', import.meta.url).pathname
    const words = ['netns', 'exec', namespace, process.execPath, program, JSON.stringify(place)]
    const child = spawn('ip', words, { stdio: ['pipe', 'pipe', 'inherit'] })
    return new Insider(child, createInterface({ input: child.stdout }))
  }

  async says(line: Line): Promise<void> {
    const done = once(this.#lines, 'line', { signal: AbortSignal.timeout(30_000) })
    this.#child.stdin?.write(`${JSON.stringify(line)}\n`)
    await done
  }

  end(): void {
    this.#child.kill('SIGKILL')
  }
}
