/** Another process floods the kernel's notifications while the agent, its reader or both stand still. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import type { LabHost } from '../../simulations/lab/host.ts'
import { converged, destinations, startHosts, subnetOf, until, withLab } from './lab.ts'

const run = promisify(execFile)
/** Each comes and goes. What has room for some 300 notifications, a socket’s usual buffer, overflows a hundred times. */
const flood = 20_000
const stoppedMs = 1_500
/** Own routes must be right within a second; a shared machine gets some more. */
const repairMs = 5_000
const growthMbMax = 120

test('a flood of 20,000 foreign routes over a stopped agent or reader loses nothing', async (t) => {
  await withLab('churn', async (lab) => {
    const [h1, h2] = await startHosts(lab, 2)
    assert.ok(h1 && h2)
    for (const host of [h1, h2]) await host.note('claim-confirmed')
    await converged(h1, h2)
    const second = await subnetOf(h2)
    const batch = await writeBatch(h1, second)
    const agent = h1.agentPid ?? 0

    for (const [what, pids] of [
      ['the agent', () => [agent]],
      ['its reader', () => childrenOf(agent)],
      ['both', () => [agent, ...childrenOf(agent)]],
    ] as const) {
      await t.test(`while ${what} stood still`, async () => {
        const before = residentMb(agent)
        const stopped = pids()
        assert.ok(stopped.length > 0)
        for (const pid of stopped) process.kill(pid, 'SIGSTOP')
        const from = performance.now()
        await run('ip', ['-n', h1.namespace, '-batch', batch])
        const restMs = stoppedMs - (performance.now() - from)
        if (restMs > 0) await new Promise((resolve) => setTimeout(resolve, restMs))
        assert.deepEqual(await destinations(h1), [], 'the flood ended with our route deleted')
        for (const pid of stopped) process.kill(pid, 'SIGCONT')
        const resumed = performance.now()
        await until(
          'our route is back',
          async () => (await destinations(h1)).includes(second),
          repairMs,
        )
        t.diagnostic(`${what}: right again after ${Math.round(performance.now() - resumed)} ms`)
        assert.equal(h1.agentPid, agent, 'the agent goes on')
        await converged(h1)
        assert.deepEqual(await destinations(h1), [second])
        assert.ok(residentMb(agent) - before < growthMbMax, 'memory stays bounded')
      })
    }
    await rm(batch)
  })
})

/** Adds and deletes the flood, inside the pool and outside it, and deletes our own route at the end. */
async function writeBatch(host: LabHost, own: string): Promise<string> {
  const lines: string[] = []
  for (let index = 0; index < flood; index += 1) {
    const outside = index % 2 === 0
    const network = outside
      ? `10.99.${(index >> 8) & 255}.${index & 255}`
      : `172.30.${(index >> 8) & 255}.${index & 255}`
    lines.push(`route add blackhole ${network}/32`, `route del blackhole ${network}/32`)
  }
  lines.push(`route del ${own} proto 83`, '')
  const path = join(host.directory, 'flood')
  await writeFile(path, lines.join('\n'))
  return path
}

const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean).map(Number)

const residentMb = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) / 1024
