/** The doctor on real hosts: each of its lines is seen with its cause really there, and the bundle keeps secrets. */

import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import { executable, type LabHost } from '../../simulations/lab/host.ts'
import type { Lab } from '../../simulations/lab/topology.ts'
import type { Line, Verdict, Way } from '../../src/cli/doctor/check.ts'
import { checks } from '../../src/cli/doctor/checks.ts'
import { converged, programOfVersion, shell, subnetOf, withLab } from './lab.ts'

interface Report {
  readonly verdict: Verdict
  readonly lines: readonly Line[]
  readonly reachability: readonly Way[]
}

interface Run {
  readonly words?: readonly string[]
  /** Shell commands before it; mounts that they make are seen by it alone. */
  readonly before?: readonly string[]
  /** Programs that it is started by. */
  readonly by?: string
  readonly socket?: string
}

/** Lines that were seen with something else than ok. */
const seen = new Set<string>()

async function doctor(host: LabHost, run: Run = {}): Promise<Report & { exitCode: number }> {
  const { words = [], before = [], by = '', socket = host.socket } = run
  const command = [
    by,
    process.execPath,
    executable,
    'doctor',
    '--json',
    '--socket',
    socket,
    ...words,
  ]
  const script = [...before, `exec ${command.join(' ')}`].join('\n')
  // This makes a namespace of mounts as well.
  const args = ['netns', 'exec', host.namespace, 'sh', '-ec', script]
  const [exitCode, out, err] = await new Promise<[number, string, string]>((resolve) => {
    execFile('ip', args, { timeout: 60_000 }, (error, stdout, stderr) =>
      resolve([typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr]),
    )
  })
  assert.notEqual(out, '', err)
  const report = JSON.parse(out) as Report
  for (const { code, verdict } of report.lines) if (verdict !== 'ok') seen.add(code)
  assert.equal(exitCode, report.verdict === 'fail' ? 1 : 0)
  return { ...report, exitCode }
}

/** Each is among the lines: its code, its verdict, and what it says. */
function says(
  report: Report,
  expected: Readonly<Record<string, readonly [Verdict, RegExp]>>,
): void {
  for (const [code, [verdict, what]] of Object.entries(expected)) {
    const lines = report.lines.filter((line) => line.code === code)
    assert.ok(
      lines.some(
        (line) => line.verdict === verdict && what.test(`${line.message} -> ${line.mend}`),
      ),
      `${code} ${verdict} ${what.source}:\n${JSON.stringify(lines, null, 1)}`,
    )
  }
}

const key = '5ec2e7'.repeat(11).slice(0, 64)

/** An agent whose clock is ahead, and whose version is another one. */
async function strangeProgram(lab: Lab): Promise<string> {
  const other = await programOfVersion(lab, '0.0.9')
  const clock = join(lab.directory, 'clock.mjs')
  await writeFile(clock, 'const now = Date.now\nDate.now = () => now() + 3_600_000\n')
  const program = join(lab.directory, 'strange')
  await writeFile(
    program,
    `#!/bin/sh\nexec ${process.execPath} --import ${clock} ${other} "$@"\n`,
    {
      mode: 0o755,
    },
  )
  return program
}

test('a host without an agent: each line is as the host is, whatever is wrong with it', () =>
  withLab('doctor', async (lab) => {
    const host = await lab.addHost('bare')
    await mkdir(host.directory, { recursive: true })
    const state = join(host.directory, 'state')
    const given = ['--state-dir', state]

    const sound = await doctor(host, { words: given })
    const wrong = sound.lines.filter(({ verdict }) => verdict === 'fail')
    assert.deepEqual([wrong, sound.exitCode], [[], 0])
    says(sound, {
      capability: ['ok', /./],
      kernel: ['ok', /./],
      uplink: ['ok', /eth0/],
      agent: ['unknown', /no agent listens on .* -> .*starling agent/],
    })

    const cni = join(host.directory, 'cni')
    await mkdir(cni)
    await writeFile(join(cni, '00-other.conf'), '{}')
    const plugins = [{ type: 'bridge', ipam: { type: 'starling-ipam' } }]
    await writeFile(
      join(cni, '10-starling.conflist'),
      JSON.stringify({ name: 'starling', plugins }),
    )
    await writeFile(join(host.directory, 'config.gz'), gzipSync('CONFIG_BRIDGE=y\n# CONFIG_VETH\n'))
    await mkdir(state)
    await shell(
      host,
      [
        'ip link add eth1 type bridge; ip addr add 10.0.2.2/16 dev eth1; ip link set eth1 up',
        'ip link add starling0 type bridge; ip link set starling0 up; ip link set eth0 mtu 1400',
        'ip link add docker0 type bridge; ip addr add 172.17.0.1/16 dev docker0; ip link set docker0 up',
        'iptables -P FORWARD DROP; iptables -N DOCKER',
        'iptables -t raw -A PREROUTING -d 172.16.0.9/32 ! -i starling0 -j DROP',
        'iptables -A DOCKER ! -i starling0 -o starling0 -j DROP',
        'nft "table inet guard { chain forward { type filter hook forward priority 0; policy drop; }; }"',
        'nft "table inet firewalld { chain filter_FORWARD { type filter hook forward priority 10; }; }"',
        'nft "table ip docker-bridges { chain filter-forward-in__starling0 { drop; }; }"',
        'echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables',
        'echo 1 > /proc/sys/net/ipv4/conf/eth0/rp_filter',
        'echo 0 > /proc/sys/net/ipv4/ip_forward',
      ].join('\n'),
    )
    const readOnly = ['mount --bind /proc/sys /proc/sys', 'mount -o remount,bind,ro /proc/sys']
    const everything = await doctor(host, {
      words: [...given, '--seed', '192.0.2.9', '--interface', 'eth0', '--cni-conf-dir', cni],
      before: [
        ...readOnly,
        'mount -t tmpfs none /run; mkdir -p /run/systemd/netif /run/NetworkManager',
        'touch /run/systemd/netif/state',
        `mount --bind ${join(host.directory, 'config.gz')} /proc/config.gz`,
        `mount -t tmpfs -o size=64k none ${state}`,
        `cat /dev/zero > ${state}/fill 2> /dev/null || true`,
        'mount -t tmpfs none /usr/lib/cni',
      ],
    })
    assert.equal(everything.exitCode, 1)
    says(everything, {
      kernel: ['fail', /lacks veth pairs -> modprobe veth/],
      'state-space': ['fail', /^0 MiB are free/],
      'state-write': ['fail', /is full -> free space/],
      forwarding: ['fail', /off: net.ipv4.ip_forward -> sysctl -w net.ipv4.ip_forward=1/],
      'rp-filter': ['warn', /eth0 drops .* leave by eth1 .*conf.eth0.rp_filter=2/],
      networkd: ['warn', /ManageForeignRoutes=no/],
      'network-manager': ['warn', /interface-name:starling0/],
      mtu: ['warn', /starling0 takes 1500 bytes, and eth0 1400/],
      'pool-overlap': ['warn', /Docker's 172.17.0.0\/16 on docker0: 6.2 % of it/],
      'docker-pools': ['warn', /default-address-pools/],
      'next-hop': ['warn', /on no network of this host: 192.0.2.9/],
      'forward-policy': ['fail', /iptables-nft.* -> .*--open-forward/],
      'forward-chain': ['fail', /nft insert rule inet guard forward iifname starling0 accept/],
      'docker-raw': ['fail', /-d 172.16.0.9\/32 .*starling docker network/],
      'docker-filter': ['fail', /-o starling0 -j DROP.*gateway_mode_ipv4=nat-unprotected/],
      'docker-nft': ['fail', /filter-forward-in__starling0/],
      firewalld: ['warn', /firewall-cmd .*--add-interface=starling0/],
      'bridge-filter': ['warn', /containers of one host do not reach each other/],
      'cni-network': ['warn', /00-other.conf comes before/],
      'cni-plugins': ['fail', /no CNI plugin bridge/],
      seed: ['fail', /192.0.2.9 is unreachable \(ENETUNREACH\)/],
    })

    // What these commands themselves advise mends what they are about.
    for (const { code, mend } of everything.lines) {
      if (code === 'forward-chain') await shell(host, mend)
    }
    await shell(host, 'iptables -F DOCKER; nft delete table ip docker-bridges; iptables -t raw -F')
    await shell(host, 'echo 1 > /proc/sys/net/ipv4/ip_forward; ip route add 172.24.0.0/13 dev eth1')
    await shell(host, 'echo 0 > /proc/sys/net/ipv4/conf/eth0/forwarding')
    const slowly = 'strace -f -qq -o /dev/null -e trace=fsync -e inject=fsync:delay_enter=150ms'
    const second = await doctor(host, {
      words: [...given, '--masquerade', '--interface', 'eth0'],
      by: slowly,
      before: [
        ...readOnly,
        'mount -t tmpfs none /run; mkdir -p /run/systemd/netif /run/systemd/networkd.conf.d',
        'touch /run/systemd/netif/state',
        "printf '[Network]\\nManageForeignRoutes=no\\n' > /run/systemd/networkd.conf.d/starling.conf",
        `mount -t tmpfs -o size=16m none ${state}`,
      ],
    })
    says(second, {
      kernel: ['ok', /nftables, masquerading/],
      'state-space': ['warn', /^1[56] MiB/],
      'state-write': ['warn', /durable after [1-9][0-9]{2}/],
      'interface-forwarding': ['fail', /off: net.ipv4.conf.eth0.forwarding/],
      networkd: ['ok', /leaves foreign routes alone/],
      'pool-overlap': ['fail', /more than half/],
      'forward-chain': ['ok', /./],
      'docker-raw': ['ok', /./],
      'docker-filter': ['ok', /./],
      'docker-nft': ['ok', /./],
    })

    const asNobody = await doctor(host, {
      words: [...given, '--interface', 'eth9'],
      by: 'setpriv --reuid 65534 --regid 65534 --clear-groups',
      before: [`chmod 700 ${state}`],
    })
    says(asNobody, {
      capability: ['fail', /CAP_NET_ADMIN is missing/],
      'state-write': ['unknown', /run it as root/],
      'forward-policy': ['unknown', /run it as root/],
      uplink: ['fail', /no interface eth9/],
    })

    // As in a container without these programs, and with a view of its own processes alone.
    const blind = await doctor(host, {
      words: given,
      by: 'env PATH=/nowhere',
      before: [
        'mount -t tmpfs none /usr/sbin',
        `mount --bind ${join(cni, '00-other.conf')} /proc/config.gz`,
        `mount --bind ${join(cni, '00-other.conf')} /proc/2/comm`,
      ],
    })
    says(blind, {
      kernel: ['unknown', /bridges, veth pairs/],
      networkd: ['unknown', /not to be seen from this container/],
      'network-manager': ['unknown', /not to be seen/],
      'docker-pools': ['unknown', /not to be seen/],
      'pool-overlap': ['fail', /Docker's 172.17.0.0.*more than half/],
      'forward-policy': ['unknown', /iptables.* is not there -> apt-get install iptables/],
      'forward-chain': ['unknown', /the program nft is not there -> apt-get install nftables/],
    })
  }))

test('hosts with agents: peers, clocks and the way to other gateways, and a bundle without secrets', () =>
  withLab('doctored', async (lab) => {
    const [h1, h2] = [await lab.addHost(), await lab.addHost()]
    const keys = ['--cluster-key', key, '--cluster-key-accept', key.replaceAll('5', 'a')]
    const seeds = ['--seed', `${h1.address},nobody.invalid`, '--join-timeout-ms', '2000']
    // A file is no directory: the network for CNI cannot be written.
    const cni = ['--cni-conf-dir', `${process.execPath}/net.d`]
    await h1.startAgent([...seeds, ...keys, ...cni])
    await h1.note('claim-confirmed')
    await h2.startAgent(['--seed', h1.address, ...keys], await strangeProgram(lab))
    await h2.note('claim-confirmed')
    await converged(h1, h2)
    await h1.note('clock-skew')
    const gateway = (await subnetOf(h2)).replace(/0\/22$/, '1')

    const first = await doctor(h1)
    assert.deepEqual(
      first.reachability.map(({ name, outcome }) => [name, outcome]),
      [['h2', 'answered']],
    )
    says(first, {
      'agent-here': ['ok', /./],
      convergence: ['ok', /./],
      problem: ['warn', /\[network-unwritten\]/],
      'cni-network': ['fail', /is not there/],
      seed: ['warn', /1 of 2 seeds answers: nobody.invalid does not resolve/],
      clock: ['warn', /clock of h2 is (359\d|360\d) s ahead/],
      version: ['warn', /1 run 0.0.9/],
      reachability: ['ok', /1 of 1 gateways answer to 172.16.0.1/],
    })

    // A cloud forwards what has the hosts' own addresses, and nothing else.
    const fabric = 'table bridge fabric'
    const drop = 'type filter hook forward priority 0; ip daddr 172.16.0.0/12 drop;'
    const onSwitch = (command: string) =>
      execFileSync('ip', ['netns', 'exec', h1.switch, 'nft', command])
    onSwitch(`${fabric} { chain forward { ${drop} }; }`)
    says(await doctor(h1), {
      reachability: ['fail', new RegExp(`silent from 172.16.0.1: ${gateway} of h2`)],
    })
    onSwitch(`delete ${fabric}`)

    await shell(h1, `ip route add unreachable ${gateway}/32`)
    assert.equal((await h1.cli('purge')).exitCode, 0)
    says(await doctor(h1), {
      reachability: ['fail', new RegExp(`unreachable from .*${gateway} of h2`)],
      problem: ['warn', /\[purged\]/],
    })
    const late = await lab.addHost()
    await late.startAgent(['--seed', '10.0.1.99', '--join-timeout-ms', '60000'])
    await late.note('uplink-located')
    says(await doctor(late), {
      convergence: ['warn', /not converged -> starling status --wait/],
      reachability: ['unknown', /no confirmed subnet/],
      clock: ['unknown', /no peer/],
    })
    says(await doctor(h2, { socket: h1.socket }), {
      'agent-here': ['unknown', /docker exec/],
      reachability: ['unknown', /does not have 172.16.0.1/],
    })
    assert.deepEqual(
      checks.map(({ code }) => code).filter((code) => !seen.has(code)),
      [],
      'lines that were seen with nothing wrong alone',
    )

    const bundle = join(lab.directory, 'out.tar.gz')
    const { stderr } = await h1.cliInside('doctor', '--bundle', bundle)
    assert.match(stderr, /wrote /)
    const bytes = gunzipSync(await readFile(bundle))
    for (const known of [h2.address, gateway, 'network-unwritten', 'clusterKey']) {
      assert.ok(bytes.includes(known), `${known} is in the bundle`)
    }
    const identity = await readFile(join(h1.directory, 'state', 'identity'), 'latin1')
    const seedKey = /^seed ([0-9a-f]{64})$/m.exec(identity)?.[1] ?? ''
    for (const secret of [key, key.replaceAll('5', 'a'), seedKey]) {
      const raw = Buffer.from(secret, 'hex')
      const spellings = [secret, raw, raw.toString('base64'), raw.toString('base64url')]
      for (const each of spellings) assert.ok(raw.length === 32 && !bytes.includes(each))
    }
  }))
