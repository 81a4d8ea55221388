/** The firewall of a namespace, by real nft and iptables: what is ours stands, and nothing of others is touched. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { mayStand, programFirewall } from '../../../src/adapters/firewall/firewall.ts'
import { attempt, ProgramError } from '../../../src/adapters/firewall/program.ts'
import type { HostFirewall, Masquerade } from '../../../src/core/routing/host-firewall.ts'
import type { Firewall } from '../../../src/ports/firewall.ts'
import { prefixOf, realClock } from '../../cli/fake-agent.ts'
import { inNamespace } from '../netlink/in-namespace.ts'

const fine = { restored: [], failed: [] }
const nothing: HostFirewall = { masquerade: undefined, opening: undefined }

const masquerade = (inside: readonly string[], more: Partial<Masquerade> = {}): HostFirewall => ({
  ...nothing,
  masquerade: {
    sources: ['172.16.8.0/22', 'fd00:10:0:1::/64'].map(prefixOf),
    inside: inside.map(prefixOf),
    bridge: 'starling0',
    ...more,
  },
})

const opening = (...families: readonly (4 | 6)[]): HostFirewall => ({
  ...nothing,
  opening: { bridge: 'starling0', families },
})

function sh(command: string): string {
  return execFileSync('sh', ['-c', command], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** With handles: what is written anew gets others. */
const ours = () => sh('nft -a list table inet starling')

const pools = ['172.16.0.0/12', 'fd00:10::/40']

let directory = ''
let firewall: Firewall
const marker = () => join(directory, 'firewall')

function setUp(): void {
  directory = mkdtempSync(join(tmpdir(), 'starling-firewall-'))
  firewall = programFirewall({ name: 'starling', marker: marker(), clock: realClock })
}

async function tearDown(): Promise<void> {
  await firewall.stop()
  rmSync(directory, { recursive: true })
  sh('nft flush ruleset')
}

if (await inNamespace(import.meta.url)) {
  describe('the table', table)
  describe('the rule', rule)
  describe('a change by others', changes)
  test('a program that is not there is told from one that fails', async () => {
    const isAbsent = (thrown: unknown) =>
      thrown instanceof ProgramError && thrown.isAbsent && /no-such is not/.test(thrown.message)
    await assert.rejects(attempt(['no-such']), isAbsent)
    assert.equal((await attempt(['false'])).exitCode, 1)
  })
}

function table(): void {
  beforeEach(setUp)
  afterEach(tearDown)

  test('has both families, and what it has already is not written again', async () => {
    assert.deepEqual(await firewall.configure(masquerade(pools)), fine)
    const written = ours()
    assert.match(written, /saddr @sources4 .*daddr != @inside4 .*oifname != .*masquerade/)
    assert.match(written, /ip6 saddr @sources6 .*masquerade/)
    assert.match(written, /elements = \{ 172\.16\.8\.0\/22 \}/)
    assert.deepEqual(await firewall.configure(masquerade(pools)), fine)
    assert.equal(ours(), written)
    assert.ok(await mayStand(marker()))
  })

  test('changes the elements of its sets, and leaves its rules', async () => {
    const rules = () => ours().match(/masquerade # handle \d+/g)
    await firewall.configure(masquerade(pools))
    const before = rules()
    const many = Array.from({ length: 500 }, (_, index) => `10.${index >> 8}.${index & 255}.0/24`)
    for (const inside of [[...pools, '192.168.7.0/24'], [...many, ...pools], pools, []]) {
      assert.deepEqual(await firewall.configure(masquerade(inside)), fine)
      assert.deepEqual(rules(), before)
      assert.equal(ours().includes('192.168.7.0/24'), inside.includes('192.168.7.0/24'))
    }
    await firewall.configure(masquerade(pools, { bridge: 'br7' }))
    assert.match(ours(), /"br7"/)
  })

  test('is restored when others flush it, empty it or change it', async () => {
    await firewall.configure(masquerade(pools))
    for (const harm of [
      'nft flush ruleset',
      'nft flush set inet starling inside4',
      'nft flush chain inet starling postrouting',
      'nft insert rule inet starling postrouting accept',
      'nft add element inet starling inside4 { 0.0.0.0/8 }',
    ]) {
      const before = sh('nft list table inet starling')
      sh(harm)
      const answer = await firewall.configure(masquerade(pools))
      assert.deepEqual(answer, { restored: ['masquerade'], failed: [] }, harm)
      assert.equal(sh('nft list table inet starling'), before, harm)
    }
  })

  test('of a former run is taken over, and removed where it is not wanted', async () => {
    await firewall.configure(masquerade(pools))
    const other = programFirewall({ name: 'starling', marker: marker(), clock: realClock })
    assert.deepEqual(await other.configure(masquerade(pools)), fine)
    const third = programFirewall({ name: 'starling', marker: marker(), clock: realClock })
    assert.deepEqual(await third.configure(nothing), fine)
    assert.equal(sh('nft list ruleset'), '')
    assert.ok(!existsSync(marker()))
  })

  test('is one of many: tables of others stay as they are', async () => {
    sh(
      'nft "table inet starling-90 { chain a { type filter hook input priority 0; policy drop; }; }"',
    )
    sh('nft "table ip nat { chain b { type nat hook postrouting priority 100; }; }"')
    const before = sh('nft list ruleset')
    await firewall.configure(masquerade(pools))
    await firewall.configure(masquerade([]))
    await firewall.configure(nothing)
    assert.equal(sh('nft list ruleset'), before)
  })

  test('is not written for a bridge that no rule can name', async () => {
    const { failed } = await firewall.configure(masquerade(pools, { bridge: 'a"b' }))
    assert.deepEqual(failed, [{ part: 'masquerade', error: 'no rule can name the bridge "a\\"b"' }])
    assert.equal(sh('nft list ruleset'), '')
  })
}

function rule(): void {
  beforeEach(setUp)
  afterEach(async () => {
    await tearDown()
    for (const program of ['iptables-legacy', 'ip6tables-legacy'])
      sh(`${program} -P FORWARD ACCEPT; ${program} -F; ${program} -X`)
  })

  const forward = (program = 'iptables-nft') => sh(`${program} -S FORWARD`)
  const jump = '-m comment --comment starling -j STARLING'

  test('is put where a policy drops what is forwarded, and taken away again', async () => {
    for (const program of ['iptables-nft', 'ip6tables-nft']) sh(`${program} -P FORWARD DROP`)
    sh('iptables-nft -A FORWARD -i eth9 -j ACCEPT')
    const before = sh('iptables-nft-save -t filter | grep -v "^#"')
    assert.deepEqual(await firewall.configure(opening(4, 6)), fine)
    assert.equal(forward(), `-P FORWARD DROP\n-A FORWARD ${jump}\n-A FORWARD -i eth9 -j ACCEPT\n`)
    assert.equal(forward('ip6tables-nft'), `-P FORWARD DROP\n-A FORWARD ${jump}\n`)
    assert.equal(
      sh('iptables-nft -S STARLING'),
      '-N STARLING\n-A STARLING -i starling0 -j ACCEPT\n-A STARLING -o starling0 -j ACCEPT\n',
    )
    const written = sh('nft -a list ruleset')
    assert.deepEqual(await firewall.configure(opening(4, 6)), fine)
    assert.equal(sh('nft -a list ruleset'), written, 'nothing is written twice')
    assert.deepEqual(await firewall.configure(nothing), fine)
    assert.equal(sh('iptables-nft-save -t filter | grep -v "^#"'), before)
    assert.doesNotMatch(sh('ip6tables-nft -S'), /starling/i)
  })

  test('is not put where nothing restricts, and goes where nothing does so any more', async () => {
    assert.deepEqual(await firewall.configure(opening(4)), fine)
    assert.equal(sh('nft list ruleset'), '')
    sh('iptables-nft -P FORWARD DROP')
    await firewall.configure(opening(4))
    assert.match(forward(), /STARLING/)
    sh('iptables-nft -P FORWARD ACCEPT')
    await firewall.configure(opening(4))
    assert.equal(forward(), '-P FORWARD ACCEPT\n')
  })

  test('comes back when it was removed, once, and whole', async () => {
    sh('iptables-nft -P FORWARD DROP')
    await firewall.configure(opening(4))
    const before = sh('iptables-nft -S')
    for (const [harm, restored] of [
      [`iptables-nft -D FORWARD ${jump}; iptables-nft -F STARLING; iptables-nft -X STARLING`, true],
      ['nft flush ruleset; iptables-nft -P FORWARD DROP', true],
      ['iptables-nft -D STARLING 1', false],
      [`iptables-nft -A FORWARD ${jump}`, false],
      [`iptables-nft -I FORWARD -j DROP`, false],
    ] as const) {
      sh(harm)
      const answer = await firewall.configure(opening(4))
      assert.deepEqual(answer.failed, [])
      assert.deepEqual(answer.restored, restored ? ['opening'] : [], harm)
      sh('iptables-nft -D FORWARD -j DROP 2> /dev/null || true')
      assert.equal(sh('iptables-nft -S'), before, harm)
    }
  })

  test("goes into Docker's chain for users where that is asked, behind the operator's rules", async () => {
    sh('iptables-nft -P FORWARD DROP')
    await firewall.configure(opening(4))
    sh('iptables-nft -N DOCKER-USER; iptables-nft -I FORWARD -j DOCKER-USER')
    sh('iptables-nft -A DOCKER-USER -s 192.0.2.1/32 -j DROP; iptables-nft -A DOCKER-USER -j RETURN')
    assert.deepEqual(await firewall.configure(opening(4)), fine)
    assert.equal(
      sh('iptables-nft -S DOCKER-USER'),
      `-N DOCKER-USER\n-A DOCKER-USER -s 192.0.2.1/32 -j DROP\n-A DOCKER-USER ${jump}\n-A DOCKER-USER -j RETURN\n`,
    )
    assert.equal(forward(), '-P FORWARD DROP\n-A FORWARD -j DOCKER-USER\n')
    await firewall.configure(nothing)
    assert.doesNotMatch(sh('iptables-nft -S'), /starling/i)
  })

  test('goes into the flavour of iptables that restricts', async () => {
    sh('iptables-legacy -P FORWARD DROP')
    assert.deepEqual(await firewall.configure(opening(4, 6)), fine)
    assert.equal(forward('iptables-legacy'), `-P FORWARD DROP\n-A FORWARD ${jump}\n`)
    assert.equal(sh('nft list ruleset'), '')
    sh(`iptables-legacy -D FORWARD 1`)
    assert.deepEqual((await firewall.configure(opening(4))).restored, ['opening'])
    await firewall.configure(nothing)
    assert.equal(sh('iptables-legacy -S'), '-P INPUT ACCEPT\n-P FORWARD DROP\n-P OUTPUT ACCEPT\n')
  })
}

function changes(): void {
  beforeEach(setUp)
  afterEach(tearDown)

  test('is told, whatever it is done by, and tables of no concern are not', async () => {
    await firewall.configure(masquerade(pools))
    let told = Promise.withResolvers<void>()
    let times = 0
    firewall.watch(() => {
      times += 1
      told.resolve()
    })
    // The monitor hears nothing before it listens: it is asked until it answers.
    for (let heard = false; !heard; heard = times > 0) {
      sh('nft add element inet starling inside4 { 192.0.2.0/24 }; sleep 0.1')
      sh('nft delete element inet starling inside4 { 192.0.2.0/24 }; sleep 0.1')
      await new Promise((resolve) => setImmediate(resolve))
    }
    let quiet = -1
    // What it prints of the last one comes when it comes.
    while (quiet !== times) {
      quiet = times
      sh('sleep 0.5')
      await new Promise((resolve) => setImmediate(resolve))
    }
    sh('nft add table inet other; nft add table ip nat; sleep 0.3')
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(times, quiet)
    for (const harm of ['iptables-nft -P FORWARD DROP', 'nft flush ruleset']) {
      told = Promise.withResolvers<void>()
      sh(harm)
      await told.promise
    }
  })
}
