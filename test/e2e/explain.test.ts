/** `starling explain` on three hosts with containers: what is fine, and the first thing that is wrong once something is. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import type { Container } from '../../simulations/lab/container.ts'
import type { LabHost } from '../../simulations/lab/host.ts'
import { converged, ready, shell, startHosts, subnetOf, until, withLab } from './lab.ts'

/** A container with an address that the agent granted. */
async function attach(host: LabHost, id: string): Promise<Container> {
  const wanted = { id, name: '', addresses: [], families: [] }
  const { leases } = await host.ask('AllocateLease', wanted)
  const { subnets } = await host.ask('Leases')
  return host.addContainer(`${leases[0]?.address}/22`, subnets[0]?.gateway ?? '')
}

test('explain tells the whole story, and names the first thing that is wrong on a way', () =>
  withLab('explain', async (lab) => {
    const [h1, h2, h3] = (await ready(
      await startHosts(lab, 3, ['--pool', '172.16.0.0/12', '--prefix-length', '22']),
    )) as [LabHost, LabHost, LabHost]
    const a = await attach(h1, 'web')
    const b = await attach(h2, 'db')
    assert.notEqual((await a.ping(b)).received, 0)
    // First leases change the records of their nodes.
    await converged(h1, h2, h3)

    const explain = async (host: LabHost, ...words: string[]) => {
      const { stdout, stderr, exitCode } = await host.cli('explain', ...words)
      return { exitCode, text: stdout + stderr }
    }
    /** As h3 sees it, which is on neither end. */
    const path = (from = a, to = b) => h3.ask('ExplainPath', { from: from.address, to: to.address })
    const wrong = async (message: RegExp) => {
      // On a busy machine an agent may not answer in time, which is unknown.
      const answer = await until('all hosts answer', async () => {
        const told = await path()
        return told.hops.every(({ unanswered }) => unanswered === '') && told
      })
      assert.equal(answer.verdict, 'wrong', JSON.stringify(answer, null, 1))
      assert.match(answer.message, message)
      return answer
    }
    const fine = (from = a, to = b) =>
      until('nothing is wrong', async () => (await path(from, to)).verdict === 'ok')

    // What stands.
    const { text: address } = await explain(h3, b.address)
    assert.match(address, /is held by manual db since/)
    assert.match(address, /^node +h2: alive, connected at .*, has the same records/m)
    assert.match(
      address,
      /^kernel +takes 172\.16\.\d+\.0\/22 via 10\.0\.1\.72 .*\(ours\); 10\.0\.1\.72 answer(s|ed)/m,
    )
    const { text: prefix } = await explain(h3, '172.16.0.0/20')
    for (const { name } of [h1, h2, h3]) {
      assert.match(prefix, new RegExp(`^claimed .* of ${name}`, 'm'))
    }
    const { text: node } = await explain(h3, 'h2')
    assert.match(node, new RegExp(`^subnet +${await subnetOf(h2)} of h2, confirmed`, 'm'))
    const shown = () =>
      until('all hosts answer', async () => {
        const told = await explain(h3, a.address, b.address)
        return !told.text.includes('does not answer') && told
      })
    const whole = await shown()
    assert.equal(whole.exitCode, 0, whole.text)
    assert.deepEqual(
      (await path()).hops.map(({ direction, name }) => `${direction} ${name}`),
      ['there h1', 'there h2', 'back h2', 'back h1'],
    )

    // A rule that drops what is forwarded, by each of the two programs.
    await shell(h2, `iptables -A FORWARD -d ${b.address} -j DROP`)
    await wrong(/^h2: the firewall drops it: iptables -A FORWARD .* -j DROP/)
    const dropped = await shown()
    assert.equal(dropped.exitCode, 1)
    assert.match(dropped.text, /^ {2}> wrong +the firewall drops it/m)
    assert.match(dropped.text, /^WRONG {2}h2: the firewall drops it: iptables .* -> /m)
    await shell(h2, 'iptables -F FORWARD')
    const chain = `chain f { type filter hook forward priority 0; ip saddr ${b.address} drop; }`
    await shell(h2, `nft 'table inet t { ${chain}; }'`)
    await wrong(/^h2, on the way back: the firewall drops it: nft inet t f: ip saddr/)
    await shell(h2, 'nft delete table inet t')
    await fine()

    // Forwarding that the agent cannot switch on again: its /proc/sys is read-only.
    const inside = ['-t', `${h2.agentPid}`, '-m', 'sh', '-c']
    const mount = (script: string) => promisify(execFile)('nsenter', [...inside, script])
    await mount('mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys')
    await shell(h2, 'sysctl -qw net.ipv4.conf.eth0.forwarding=0')
    assert.equal((await a.ping(b)).received, 0)
    await wrong(/^h2: eth0 does not forward: net\.ipv4\.conf\.eth0\.forwarding is 0/)
    await mount('umount /proc/sys')
    await shell(h2, 'sysctl -qw net.ipv4.conf.eth0.forwarding=1')
    await fine()

    // The reverse path filter, once the way back leads elsewhere.
    await shell(h2, 'sysctl -qw net.ipv4.conf.eth0.rp_filter=1')
    await shell(h2, 'ip link add other0 type bridge; ip addr add 10.9.0.1/24 dev other0')
    await shell(h2, `ip link set other0 up; ip rule add to ${a.address} table 77`)
    await shell(h2, `ip route add ${a.address} dev other0 table 77`)
    await wrong(/^h2: the reverse path filter drops packets of .* that come in by eth0/)
    await shell(h2, `ip rule del to ${a.address} table 77; ip link del other0`)
    await fine()

    // A container that is gone, and whose address is still granted.
    await b.stop()
    await shell(h2, 'ip link del v-c1')
    await wrong(/^h2: .*(its link is down|nobody answers for)/)

    // Routes that nobody writes.
    assert.equal((await h1.cli('purge')).exitCode, 0)
    const purged = await wrong(/^h1: no route leads to .*purge/)
    assert.equal(purged.mend, 'starling resync')
    assert.equal((await h1.cli('resync')).exitCode, 0)

    // An agent that is stopped, whose host lost its route: nobody can tell, and nothing is said to be well.
    const c = await attach(h3, 'cache')
    await h1.stopAgent()
    await shell(h1, `ip route del ${await subnetOf(h3)}`)
    const stopped = await path(a, c)
    assert.equal(stopped.verdict, 'unknown')
    assert.match(stopped.message, /^h1: node h1.* does not answer/)
    await h1.startAgent(['--seed', h2.address])
    await fine(a, c)

    // A host that is gone, as the others find it.
    await h2.cutOff()
    await until('its routes are unreachable', async () =>
      (await h1.routes()).some(({ type }) => type === 'unreachable'),
    )
    const gone = await until('h1 answers', async () => {
      const told = await path()
      return told.verdict === 'wrong' && told
    })
    assert.match(gone.message, /^h1: no route leads to .*host h2 does not answer/)
    assert.match((await explain(h3, 'h2')).text, /^state +host down \d+ s \(h1, h3\)/m)
  }))
