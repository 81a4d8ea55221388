/** For which addresses nobody answers, on a real kernel with a bridge and containers behind it. */

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { noAnswers } from '../../../src/core/routing/route.ts'
import type { Host } from '../../conformance/kernel.ts'
import { addressOf, ip, makeHost } from './host.ts'
import { inNamespace } from './in-namespace.ts'

if (await inNamespace(import.meta.url)) describe('asking who answers', suite)

const bridge = 'starling0'
const gateways = { 4: '172.16.8.1', 6: 'fd00:10:0:8::1' } as const

function suite(): void {
  let host: Host
  const children: ChildProcess[] = []

  beforeEach(async () => {
    host = await makeHost()
    await host.kernel.start(() => undefined)
    const gateway = (family: 4 | 6, length: number) => ({
      address: addressOf(gateways[family]),
      length,
    })
    const addresses = [gateway(4, 22), gateway(6, 64)]
    const error = await host.kernel.configureBridge({
      name: bridge,
      addresses,
      former: [],
      answers: noAnswers,
    })
    assert.equal(error, '')
    // What was heard lately counts as heard: here for half a second, not for half a minute. Here nobody is further away
    // than a quarter of a second.
    for (const family of ['ipv4', 'ipv6']) {
      const folder = `/proc/sys/net/${family}/neigh/${bridge}`
      writeFileSync(`${folder}/base_reachable_time_ms`, '500')
      writeFileSync(`${folder}/delay_first_probe_time`, '1')
      writeFileSync(`${folder}/retrans_time_ms`, '250')
    }
  })
  afterEach(async () => {
    for (const child of children.splice(0)) await end(child)
    await host.stop()
  })

  /** A container with addresses that end in `number`, behind the port `v-NUMBER`. */
  async function container(number: number): Promise<ChildProcess> {
    const script = ['sh', '-c', 'echo there; exec sleep 1000']
    const child = spawn('unshare', ['--net', ...script], { stdio: ['ignore', 'pipe', 'inherit'] })
    children.push(child)
    await once(child.stdout, 'data')
    await ip(`link add v-${number} type veth peer name eth0 netns ${child.pid}`)
    await ip(`link set v-${number} master ${bridge} up`)
    await inside(child, `addr add 172.16.8.${number}/22 dev eth0`)
    await inside(child, `addr add fd00:10:0:8::${number}/64 dev eth0 nodad`)
    await inside(child, 'link set eth0 up')
    return child
  }

  /** Which of these are silent, by the end of their addresses and the family. */
  async function silent(...numbers: readonly number[]): Promise<string[]> {
    const questions = numbers.flatMap((number) => [
      { address: addressOf(`172.16.8.${number}`), from: addressOf(gateways[4]) },
      { address: addressOf(`fd00:10:0:8::${number}`), from: addressOf(gateways[6]) },
    ])
    const found = await host.kernel.probeNeighbours(questions)
    return found.map(({ family, text }) => `${text.split(/[.:]/).at(-1)}/${family}`).sort()
  }

  test('who lives answers, paused or not; who is gone, down or without a port is silent', async () => {
    const all = []
    for (const number of [11, 12, 13, 14]) all.push(await container(number))
    const [, paused, down, unplugged] = all
    assert.ok(paused && down && unplugged)
    assert.deepEqual(await silent(11, 12, 13, 14), [], 'all live')
    paused.kill('SIGSTOP')
    await inside(down, 'link set eth0 down')
    await ip('link del v-14')
    assert.deepEqual(await silent(11, 12, 13, 14, 15), [
      '13/4',
      '13/6',
      '14/4',
      '14/6',
      '15/4',
      '15/6',
    ])
  })

  test('the last container is silent when it is gone, though the bridge has no carrier', async () => {
    const last = await container(11)
    assert.deepEqual(await silent(11), [])
    await end(last)
    assert.deepEqual(await silent(11), ['11/4', '11/6'])
  })

  test('nothing is known by a bridge that is down, is gone, or has no gateway of the family', async () => {
    await container(11)
    await ip(`addr del ${gateways[6]}/64 dev ${bridge}`)
    assert.deepEqual(await silent(12), ['12/4'])
    await ip(`link set ${bridge} down`)
    assert.deepEqual(await silent(12), [])
    await ip(`link del ${bridge}`)
    assert.deepEqual(await silent(12), [])
  })

  test('what another link knows of an address says nothing of it', async () => {
    await container(11)
    await ip('link add other0 type bridge')
    await ip('link set other0 up')
    await ip('neigh add 172.16.8.11 dev other0 nud failed')
    await ip('neigh add 172.16.8.12 dev other0 lladdr 02:00:00:00:00:01 nud reachable')
    assert.deepEqual(await silent(11, 12), ['12/4', '12/6'])
  })
}

async function inside({ pid }: ChildProcess, command: string): Promise<void> {
  const child = spawn('nsenter', [`--net=/proc/${pid}/ns/net`, 'ip', ...command.split(' ')], {
    stdio: 'inherit',
  })
  const [code] = await once(child, 'exit')
  assert.equal(code, 0, command)
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}
