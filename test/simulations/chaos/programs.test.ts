/** The programs that send between containers tell what became of it, in two network namespaces. */

import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Echoes } from '../../../simulations/chaos/echoes.ts'
import type { Line } from '../../../simulations/chaos/judge/record.ts'
import { LineProgram } from '../../../simulations/chaos/line-program.ts'
import { TcpStream } from '../../../simulations/chaos/streams.ts'
import { ip, requireLabMachine } from '../../../simulations/lab/iproute.ts'
import { now } from '../../../simulations/lab/observer.ts'

const [here, there] = ['starling-programs-a', 'starling-programs-b'] as const
const [own, peer] = ['10.9.0.1', '10.9.0.2'] as const
/** What nobody waits for any more is told after a second. */
const toldMs = 1_500
const cutMs = 1_500

describe('between two containers', () => {
  const lines: Line[] = []
  const tell = (line: Line) => lines.push(line)

  beforeEach(async () => {
    requireLabMachine()
    await remove()
    lines.length = 0
    for (const namespace of [here, there]) await ip(`netns add ${namespace}`)
    await ip(`-n ${here} link add eth0 type veth peer name eth0 netns ${there}`)
    for (const [namespace, address] of [
      [here, own],
      [there, peer],
    ]) {
      await ip(`-n ${namespace} address add ${address}/24 dev eth0`)
      await ip(`-n ${namespace} link set eth0 up`)
    }
  })

  afterEach(remove)

  const echoing = () =>
    Promise.all(
      [here, there].map((namespace, self) =>
        Echoes.start({ self, namespace, isProbe: false, tell }),
      ),
    )

  /** What is under way is neither good nor lost until it is told. */
  async function ended(echoes: readonly Echoes[]): Promise<void> {
    echoes[0]?.leave(1)
    await sleep(toldMs)
    for (const each of echoes) await each.sum()
    for (const each of echoes) await each.stop()
  }

  function counts() {
    const [total] = lines.flatMap((line) => (line.type === 'echoes' ? [line] : []))
    assert.ok(total)
    const { sent, good, worstMs } = total
    const isLost = (line: Line) => line.type === 'lost' && line.kind !== 'late'
    return { sent, good, worstMs, lost: lines.filter(isLost) as Extract<Line, { type: 'lost' }>[] }
  }

  it('what a cut costs is told: echoes that were lost, a connection that stood still and goes on', async () => {
    const echoes = await echoing()
    const streams = await Promise.all(
      [here, there].map((namespace, self) =>
        TcpStream.start({ self, to: 1 - self, namespace }, tell),
      ),
    )
    echoes[0]?.towards(1, peer)
    streams[0]?.between(own, peer)
    await sleep(1_000)
    await ip(`-n ${there} link set eth0 down`)
    await sleep(cutMs)
    await ip(`-n ${there} link set eth0 up`)
    await sleep(2_000)
    await ended(echoes)
    for (const stream of streams) await stream.stop()
    const { sent, good, lost } = counts()
    assert.ok(sent > 40 && good > 0 && lost.length > 0, JSON.stringify(lines))
    assert.equal(
      sent - good,
      lost.reduce((sum, { count }) => sum + count, 0),
    )
    const stalls = lines.flatMap((line) => (line.type === 'stream' ? [line] : []))
    assert.deepEqual(
      stalls.map(({ kind, from, to }) => [kind, from, to]),
      [['stalled', 0, 1]],
    )
    for (const { fromMs, toMs } of stalls) assert.ok(toMs - fromMs > 1_000)
    const moved = lines.flatMap((line) => (line.type === 'moved' ? [line.count] : []))
    assert.ok((moved[0] ?? 0) > 20, `${moved}`)
  })

  it('frames come late by the relay, and all of them come once the neighbour is known', async () => {
    // Behind the first namespace another one, and the relay between the two.
    await ip(`-n ${here} link add near type veth peer name eth1`)
    await ip(`-n ${here} link set near up`)
    await ip(`-n ${here} address flush dev eth0`)
    await ip(`-n ${here} address add ${own}/24 dev eth1`)
    await ip(`-n ${here} link set eth1 up`)
    let passed = ''
    const relay = await LineProgram.start(
      new URL('../../../simulations/chaos/relay.c', import.meta.url),
      here,
      ['eth0', 'near', '60', '80'],
      ([count = '']) => {
        passed = count
      },
    )
    const echoes = await echoing()
    const startedMs = now()
    echoes[0]?.towards(1, peer)
    await sleep(2_000)
    await ended(echoes)
    await relay.stop()
    const { sent, good, worstMs, lost } = counts()
    assert.ok(sent > 20, JSON.stringify(lines))
    assert.equal(sent - good, lost[0]?.count ?? 0)
    assert.ok(
      lost.every(({ lastMs }) => lastMs - startedMs < 500),
      JSON.stringify(lost),
    )
    assert.ok(worstMs >= 120, `there and back took ${worstMs} ms`)
    assert.ok(Number(passed) >= 2 * sent, passed)
  })
})

async function remove(): Promise<void> {
  for (const namespace of [here, there]) await ip(`netns del ${namespace}`).catch(() => '')
}
