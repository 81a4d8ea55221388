/** Masquerading and opening on real hosts: which address outsiders see, and what becomes of the rules. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Container } from '../../simulations/lab/container.ts'
import type { LabHost } from '../../simulations/lab/host.ts'
import type { Lab } from '../../simulations/lab/topology.ts'
import { converged, problems, shell, startHosts, subnetOf, until, withLab } from './lab.ts'

/** A host of the LAN without an agent, which knows no way to containers. */
async function addOutsider(lab: Lab): Promise<{ host: LabHost; echo: Container }> {
  const host = await lab.addHost('outside')
  const echo = new Container('outside', host.namespace, host.address)
  await echo.start()
  host.containers.push(echo)
  return { host, echo }
}

async function containerOn(host: LabHost): Promise<Container> {
  const base = (await subnetOf(host)).replace(/\.0\/22$/, '')
  return host.addContainer(`${base}.9/22`, `${base}.1`)
}

/** Counts echoes to a host by their source. */
async function countSources(host: LabHost): Promise<(source: string) => Promise<number>> {
  await shell(
    host,
    'nft "table inet seen { chain input { type filter hook input priority -300; }; }"',
  )
  return async (source) => {
    const chain = 'inet seen input'
    const listed = await shell(host, `nft list chain ${chain}`)
    const rule = `ip saddr ${source} udp dport 7 counter`
    if (!listed.includes(`ip saddr ${source} `)) await shell(host, `nft add rule ${chain} ${rule}`)
    const line = (await shell(host, `nft list chain ${chain}`))
      .split('\n')
      .find((each) => each.includes(`ip saddr ${source} `))
    return Number(/packets (\d+)/.exec(line ?? '')?.[1] ?? -1)
  }
}

const table = (host: LabHost) => shell(host, 'nft list table inet starling').catch(() => '')
const stands = (host: LabHost) => async () => (await table(host)).includes('masquerade')

test('outsiders see the host, the cluster sees the container, and the table is kept and swept', () =>
  withLab('masquerade', async (lab) => {
    const [h1, h2] = await startHosts(lab, 2, ['--masquerade'])
    assert.ok(h1 && h2)
    const outsider = await addOutsider(lab)
    await shell(h1, 'nft "table ip theirs { chain a { type filter hook input priority 0; }; }"')
    for (const host of [h1, h2]) await host.note('claim-confirmed')
    await converged(h1, h2)
    const [here, there] = [await containerOn(h1), await containerOn(h2)]
    await until('the table stands', stands(h1))

    const fromOutside = await countSources(outsider.host)
    const inside = await countSources(h2)
    for (const source of [h1.address, here.address]) {
      await fromOutside(source)
      await inside(source)
    }
    assert.equal((await here.ping(outsider.echo)).received, 3, 'the answer finds its way')
    assert.equal(await fromOutside(h1.address), 3)
    assert.equal(await fromOutside(here.address), 0)
    assert.equal((await here.ping(there)).received, 3)
    assert.equal((await there.ping(here)).received, 3)

    // A network behind the second host, which the cluster comes to know.
    await shell(
      h2,
      'ip link add ext type bridge; ip addr add 192.168.77.1/24 dev ext; ip link set ext up',
    )
    const ext = new Container('ext', h2.namespace, '192.168.77.1')
    await ext.start()
    h2.containers.push(ext)
    assert.equal((await h2.cli('announce', '192.168.77.0/24')).exitCode, 0)
    await until('the set follows', async () => (await table(h1)).includes('192.168.77.0/24'))
    await converged(h1)
    assert.equal((await here.ping(ext)).received, 3)
    assert.equal(await inside(here.address), 3, 'it is the cluster: the address stays')
    assert.equal(await inside(h1.address), 0)

    const written = await table(h1)
    let from = h1.lines.length
    await shell(h1, 'nft flush ruleset')
    await h1.note('firewall-restored', { after: from })
    assert.equal(await table(h1), written)
    await shell(h1, 'nft "table ip theirs { chain a { type filter hook input priority 0; }; }"')

    await h1.stopAgent('SIGKILL')
    assert.equal(await table(h1), written, 'it outlives its agent')
    from = h1.lines.length
    await h1.startAgent(['--seed', h2.address, '--masquerade'])
    await h1.note('in-sync', { after: from })
    await converged(h1)
    await until('it is taken over', async () => (await table(h1)) === written)

    assert.equal((await h1.cli('purge')).exitCode, 0)
    assert.equal(await table(h1), '', 'it is gone before purge answers')
    assert.equal((await h1.cli('resync')).exitCode, 0)
    await until('it stands again', async () => (await table(h1)) === written)

    await h1.stopAgent()
    await h1.startAgent(['--seed', h2.address])
    await until('it is swept where it is switched off', async () => (await table(h1)) === '')
    assert.match(await shell(h1, 'nft list ruleset'), /table ip theirs/)

    await until('it stands', stands(h2))
    assert.equal((await h2.cli('leave')).exitCode, 0)
    await h2.agentEnded()
    assert.equal(await table(h2), '')
  }))

test('a policy that drops what is forwarded is opened by one rule, which a purge takes away', () =>
  withLab('open', async (lab) => {
    const hosts = [await lab.addHost(), await lab.addHost()]
    const [h1, h2] = hosts
    assert.ok(h1 && h2)
    await shell(h1, 'iptables -P FORWARD DROP; iptables -A FORWARD -i eth9 -j ACCEPT')
    const before = await shell(h1, 'iptables -S')
    for (const host of hosts) await host.startAgent(['--seed', h1.address])
    for (const host of hosts) await host.note('bridge-configured')
    await converged(h1, h2)
    const [here, there] = [await containerOn(h1), await containerOn(h2)]
    assert.equal((await there.ping(here)).received, 0, 'it drops')
    assert.equal(await shell(h1, 'iptables -S'), before, 'nothing is touched unasked')

    await h1.stopAgent()
    let from = h1.lines.length
    await h1.startAgent(['--seed', h2.address, '--open-forward'])
    await h1.note('in-sync', { after: from })
    await until('the rule is there', async () =>
      (await shell(h1, 'iptables -S FORWARD')).includes('--comment starling -j STARLING'),
    )
    assert.equal((await there.ping(here)).received, 3)
    assert.equal((await here.ping(there)).received, 3)

    from = h1.lines.length
    await shell(h1, 'iptables -D FORWARD 1')
    await h1.note('firewall-restored', { after: from })
    assert.equal((await there.ping(here)).received, 3)
    assert.equal((await h1.cli('purge')).exitCode, 0)
    assert.equal(await shell(h1, 'iptables -S'), before)
    assert.deepEqual([...(await problems(h1)).keys()], ['purged'])
  }))
