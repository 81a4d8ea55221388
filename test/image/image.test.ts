/** The image as Docker runs it: what it needs, what it says where it lacks that, and what a restart costs. */

import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Cluster, hostAt, volumes } from '../../simulations/chaos/cluster.ts'
import { Daemon, removeDaemon, requireDocker } from '../../simulations/chaos/daemon.ts'
import { type Docker, execute, type Outcome } from '../../simulations/chaos/docker.ts'
import { changes, type Footprint, footprint } from '../../simulations/chaos/footprint.ts'
import { Host } from '../../simulations/chaos/host.ts'
import { buildImage } from '../../simulations/chaos/image.ts'
import { settle } from '../../simulations/chaos/settle.ts'
import { ip, requireLabMachine } from '../../simulations/lab/iproute.ts'
import type { Observed } from '../../simulations/lab/observed.ts'
import { prefixOf } from '../../simulations/literal.ts'
import { overlaps } from '../../src/core/ip/prefix.ts'
import { until } from '../e2e/lab.ts'

const name = 'starling-image'
const image = 'starling:test'
const network = ['--network', `${name}-net`]
const rights = ['--cap-drop', 'ALL', '--cap-add', 'NET_ADMIN', '--read-only']
const room = ['--tmpfs', '/run/starling']
const forwarding = ['--sysctl', 'net.ipv4.ip_forward=1']
const idle = ['--entrypoint', 'node', image, '-e', 'setInterval(() => {}, 1e9)']

describe('the image', () => {
  let untouched: Footprint
  let daemon: Daemon
  let docker: Docker

  before(async () => {
    // Both throw, and so fail the tests, where the machine cannot run them.
    requireLabMachine()
    await requireDocker()
    // Before the footprint: what a killed run left is not the machine's.
    await removeDaemon(name)
    untouched = await footprint(name)
    daemon = await Daemon.start(name)
    docker = daemon.docker
    // The runs of chaos build with the client's default builder.
    await buildImage(docker, image, { builder: 'buildkit' })
    await docker.run('network', 'create', `${name}-net`)
  })

  after(async () => {
    await daemon?.stop()
    if (untouched) assert.deepEqual(changes(untouched, await footprint(name)), [])
  })

  /** In the foreground, until it ends. */
  const ended = (...words: readonly string[]): Promise<Outcome> =>
    docker.attempt(['run', '--rm', ...network, ...words], { timeoutMs: 60_000 })

  it('is small, and has no compiler, no package manager and no package that the bundle does not load', async () => {
    const size = Number(await docker.run('image', 'inspect', image, '--format', '{{.Size}}'))
    assert.ok(size < 200e6, `${size} bytes`)
    const list = `console.log(JSON.stringify(['/bin', '/usr/bin', '/usr/local/bin',
      '/opt/starling/node_modules'].map((folder) => fs.readdirSync(folder))))`
    const { stdout } = await ended('--entrypoint', 'node', image, '-e', list)
    const [bin, usrBin, localBin, packages] = JSON.parse(stdout) as string[][]
    assert.deepEqual([bin, usrBin, localBin], [['sh'], ['env'], ['node', 'starling']])
    assert.ok(packages?.includes('netlink'), `${packages}`)
    const superfluous = ['typescript', 'libp2p'].filter((name) => packages?.includes(name))
    assert.deepEqual(superfluous, [], 'neither what builds nor what the bundle holds')
  })

  it('masquerades by the nft that its base has, with the same rights', async () => {
    const id = await docker.run(
      ...['run', '--detach', ...network, ...rights, ...room, ...forwarding, image],
      ...['agent', '--masquerade'],
    )
    try {
      await until('the table stands', async () => {
        const words = ['exec', id.trim(), 'nft', 'list', 'table', 'inet', 'starling']
        return (await docker.attempt(words)).stdout.includes('masquerade')
      })
    } finally {
      await docker.run('rm', '--force', '--volumes', id.trim())
    }
  })

  it('holds the CNI plugin for its own platform, which needs nothing of the image', async () => {
    const program = `/opt/starling/dist/native/linux-${process.arch}/starling-ipam`
    const words = ['--env', 'CNI_COMMAND=VERSION', '--entrypoint', program, image]
    const { exitCode, stdout } = await ended(...words)
    assert.equal(exitCode, 0)
    assert.match(stdout, /"supportedVersions":\["0\.1\.0",.*"1\.1\.0"\]/)
  })

  it('runs with exactly NET_ADMIN on a read-only root, and its command line answers inside', async () => {
    const id = await docker.run(
      ...['run', '--detach', ...network, ...rights, ...room, ...forwarding, image],
    )
    const host = new Host(docker, id.trim(), 'alone')
    try {
      await until('the agent answers', async () => (await host.cli('status')).exitCode !== 3)
      const { exitCode, stdout } = await host.cli('status', '--wait')
      assert.equal(exitCode, 0, stdout)
      const status = await readFile(`/proc/${await host.pid()}/status`, 'latin1')
      const netAdminAlone = (1 << 12).toString(16).padStart(16, '0')
      assert.match(status, new RegExp(`^CapEff:\\s*${netAdminAlone}$`, 'm'))
      assert.match(status, new RegExp(`^CapBnd:\\s*${netAdminAlone}$`, 'm'))
      assert.match(status, /^NSpid:\s*\d+\s+1$/m, 'the agent is PID 1')
      assert.match(await readFile(`/proc/${await host.pid()}/cmdline`, 'latin1'), /^node\0/)
      const { exitCode: refused } = await docker.attempt([
        ...['exec', id.trim(), 'node', '-e', 'fs.writeFileSync("/opt/starling/x", "")'],
      ])
      assert.equal(refused, 1, 'nothing can be written to the root')
      const health = await docker.run(
        'inspect',
        id.trim(),
        '--format',
        '{{json .Config.Healthcheck}}',
      )
      const [, ...check] = (JSON.parse(health) as { Test: string[] }).Test
      await docker.run('exec', id.trim(), ...check)

      await docker.run('stop', id.trim())
      assert.equal(await host.exitCode(), 0)
      assert.match(
        (await host.log()).at(-1)?.msg ?? '',
        /^SIGTERM: stopping; routes and claim stay/,
      )
    } finally {
      await docker.run('rm', '--force', '--volumes', id.trim())
    }
  })

  it('says in one line what it lacks: the capability, memory', async () => {
    const powerless = await ended('--cap-drop', 'ALL', '--read-only', ...room, image)
    assert.equal(powerless.exitCode, 1)
    assert.match(
      onlyLine(powerless),
      /no CAP_NET_ADMIN: .*give the container the capability NET_ADMIN/,
    )

    const memory = ['--memory', '64m', '--memory-swap', '64m']
    const cramped = await ended(...rights, ...room, ...memory, image)
    assert.equal(cramped.exitCode, 1)
    assert.match(onlyLine(cramped), /memory limit of 64 MiB is too low.*at least 128 MiB/)
  })

  it('says in one line that the volume of its state is full', async () => {
    const options = ['--opt', 'type=tmpfs', '--opt', 'device=tmpfs', '--opt', 'o=size=1m']
    await docker.run('volume', 'create', ...options, 'full')
    const state = ['--volume', 'full:/var/lib/starling']
    // The volume lives as long as a container uses it.
    const holder = (await docker.run('run', '--detach', ...network, ...state, ...idle)).trim()
    try {
      const fill = 'fs.writeFileSync("/var/lib/starling/big", Buffer.alloc(2 ** 21))'
      const { stderr } = await docker.attempt(['exec', holder, 'node', '-e', fill])
      assert.match(stderr, /ENOSPC/)
      const full = await ended(...rights, ...room, ...state, image)
      assert.equal(full.exitCode, 1)
      assert.match(
        onlyLine(full),
        /\/var\/lib\/starling\/identity cannot be written \(ENOSPC\): free space/,
      )
    } finally {
      await docker.run('rm', '--force', holder)
      await docker.run('volume', 'rm', 'full')
    }
  })

  it('is the agent of a host by deploy/docker/docker-compose.yml, and recreated without a change', async () => {
    const namespace = `${name}-docker`
    // The daemon's namespace is the host: it gets a LAN, and an operator who switched forwarding on.
    await ip(`-n ${namespace} link add eth0 type veth peer name lan`)
    for (const link of ['eth0', 'lan']) await ip(`-n ${namespace} link set ${link} up`)
    await ip(`-n ${namespace} address add 10.0.9.1/24 dev eth0`)
    const forward = ['sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward'] as const
    await execute(['nsenter', `--net=/run/netns/${namespace}`, ...forward])
    const directory = await mkdtemp(join(tmpdir(), 'starling-host-'))
    // In place of directories of this machine.
    const override = join(directory, 'override.yml')
    const volumes = [`${directory}/run:/run/starling`, `${directory}/plugins:/run/docker/plugins`]
    await writeFile(override, JSON.stringify({ services: { starling: { volumes } } }))
    const file = new URL('../../deploy/docker/docker-compose.yml', import.meta.url).pathname
    const cluster = new Cluster({ docker, project: `${name}-host`, image, file })
    const compose = (...words: readonly string[]) => cluster.compose('--file', override, ...words)
    try {
      await compose('up', '--detach')
      const before = await claimed(await only(cluster, 'starling'))
      assert.deepEqual((await readdir(join(directory, 'run'))).sort(), [
        'cni.sock',
        'starling.sock',
      ])
      const gateway = await ip(`-n ${namespace} -o -4 address show dev starling0`)

      await compose('up', '--detach', '--force-recreate')
      assert.equal(await claimed(await only(cluster, 'starling')), before)
      await compose('down')
      assert.equal(await ip(`-n ${namespace} -o -4 address show dev starling0`), gateway)
    } finally {
      await compose('down', '-v')
      for (const link of ['eth0', 'starling0'])
        await ip(`-n ${namespace} link delete ${link}`).catch(() => undefined)
      await rm(directory, { recursive: true })
    }
    assert.deepEqual(await cluster.remains(), [])
  })

  it('as many as the repository’s docker-compose.yml is told find each other, leave, and take their state along', async () => {
    const present = await volumes(docker)
    const cluster = new Cluster({ docker, project: `${name}-down`, image })
    try {
      await cluster.scale(3)
      const observed = await settle(await cluster.hosts())
      assert.equal((await volumes(docker)).length, present.length + 3, 'a volume for each host')
      avoids(await cluster.subnets(), observed)
      const leaver = await hostAt(cluster, 2)
      assert.equal((await leaver.cli('leave')).exitCode, 0)
      await until('the leaver has ended', async () => (await leaver.pid()) === 0)
      await cluster.removeEnded()
      await cluster.scale(2)
      assert.equal((await settle(await cluster.hosts())).length, 2)
    } finally {
      await cluster.down()
    }
    assert.deepEqual(await cluster.remains(), [])
    assert.deepEqual(await volumes(docker), present)
  })
})

/** The network that compose makes often lies inside the default pool. */
function avoids(networks: readonly string[], hosts: readonly Observed[]): void {
  for (const { name: host, status } of hosts) {
    for (const [claim, network] of status.claims.flatMap(({ prefix }) =>
      networks.map((each) => [prefixOf(prefix), prefixOf(each)] as const),
    )) {
      assert.ok(!overlaps(claim, network), `${host} has ${claim.text}, compose ${network.text}`)
    }
  }
}

async function only(cluster: Cluster, service: string): Promise<Host> {
  const hosts = await cluster.hosts(service)
  const [host] = hosts
  assert.ok(host && hosts.length === 1, `${hosts.length} containers of ${service}`)
  return host
}

/** The subnet of an agent that has converged. */
async function claimed(host: Host): Promise<string> {
  await until('the agent answers', async () => (await host.cli('status')).exitCode !== 3)
  const { exitCode, stdout } = await host.cli('status', '--wait')
  assert.equal(exitCode, 0, stdout)
  const { stdout: claims } = await host.cli('claims', '--json')
  return (JSON.parse(claims) as { claims: { prefix: string }[] }).claims[0]?.prefix ?? ''
}

/** What a container said; fails where that is more or less than one line. */
function onlyLine({ stdout, stderr }: Outcome): string {
  const said = `${stdout}${stderr}`.split('\n').filter((line) => line && !isDockers(line))
  assert.equal(said.length, 1, said.join('\n'))
  return said[0] ?? ''
}

/** The client's own warning about the daemon's namespace, which does not forward. */
const isDockers = (line: string): boolean => line.startsWith('WARNING: IPv4 forwarding is disabled')
