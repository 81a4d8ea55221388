/** A real Prometheus scrapes agents: each alert fires for what it is there for, and no panel of the dashboard is empty. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { CniRuntime } from '../../simulations/lab/cni-runtime.ts'
import type { LabHost } from '../../simulations/lab/host.ts'
import { ip } from '../../simulations/lab/iproute.ts'
import { LabPrometheus, type Sample } from '../../simulations/lab/prometheus.ts'
import { inNamespace } from '../adapters/netlink/in-namespace.ts'
import { alertRules, rulesFile } from '../deploy/alert-rules.ts'
import {
  converged,
  destinations,
  programOfVersion,
  shell,
  subnetOf,
  until,
  withLab,
} from './lab.ts'

const job = 'starling'
/** Four subnets, of 13 addresses each. */
const pool = ['--pool', '172.16.0.0/26', '--prefix-length', '28']
const soon = ['--watch-ms', '500ms', '--leak-ms', '1s']
const port = 7_872

// As for leaks: a namespace that ended must not be taken for one of another test.
if (await inNamespace(import.meta.url, '--pid')) {
  execFileSync('mount', ['-t', 'tmpfs', 'none', '/run/netns'])
  test('metrics, alerts and the dashboard', { timeout: 180_000 }, (t) =>
    withLab('metrics', async (lab) => {
      const hosts = [] as LabHost[]
      for (let index = 0; index < 5; index += 1) hosts.push(await lab.addHost())
      const [h1, h2, h3, h4, h5] = hosts
      assert.ok(h1 && h2 && h3 && h4 && h5)
      const start = (host: LabHost, program?: string) => {
        const listen = ['--metrics-listen', `${host.address}:${port}`, '--insecure']
        return host.startAgent([...pool, ...soon, ...listen, '--seed', h1.address], program)
      }
      const prometheus = await LabPrometheus.start(await lab.addHost('prometheus'), {
        rules: hasty(readFileSync(rulesFile, 'utf8')),
        job,
        targets: hosts.map(targetOf),
      })
      t.after(() => prometheus.stop())
      const told = new Set<string>()
      const firing = async (alert: string, labels: Readonly<Record<string, string>> = {}) => {
        const fits = ({ metric }: Sample) =>
          Object.entries(labels).every(([label, value]) => metric[label] === value)
        await until(`${alert} fires`, async () => (await alerts(prometheus, alert)).some(fits))
        told.add(alert)
      }
      const other = await programOfVersion(lab, '99.0.0')

      await t.test(
        'a cluster that is well tells of no more than its small pool and its two versions',
        async () => {
          for (const host of [h1, h2, h3]) await start(host)
          await start(h4, other)
          await converged(h1, h2, h3, h4)
          await until('prometheus scrapes', () => isScraped(prometheus, 4))
          const shown = () => alerts(prometheus)
          const expected = ['StarlingPoolNearlyFull', 'StarlingTargetDown', 'StarlingVersionSkew']
          await until('that alone fires', async () => {
            const fired = (await shown()).map(({ metric }) => metric)
            const names = new Set(fired.map(({ alertname }) => alertname))
            const down = fired.filter(({ alertname }) => alertname === 'StarlingTargetDown')
            // Nobody has started the fifth.
            const isDown = down.map(({ instance }) => instance).join() === targetOf(h5)
            return isDown && [...names].sort().join() === expected.join()
          })
          for (const alert of expected) told.add(alert)
        },
      )

      await t.test('health and readiness are told over the network', async () => {
        assert.match(await ask(h2, '/healthz'), /200 OK[\s\S]*\r\n\r\nok\n/)
        assert.match(await ask(h2, '/readyz'), /200 OK[\s\S]*\r\n\r\nok\n/)
      })

      await t.test('each alert fires for what it is there for', async () => {
        await start(h5)
        const [second, third] = [await subnetOf(h2), await subnetOf(h3)]
        await ip(`-n ${h4.namespace} route replace ${second} via ${h3.address} proto static`)
        await Promise.all([fight(h1, third), exhaust(h2), leak(h1)])
        await firing('StarlingPoolExhausted', { instance: targetOf(h5) })
        await firing('StarlingNotReady', { instance: targetOf(h5) })
        await firing('StarlingNotConverged', { instance: targetOf(h4), part: 'kernel' })
        await firing('StarlingRoutesFought', { instance: targetOf(h1) })
        await firing('StarlingAddressesNearlyExhausted', { instance: targetOf(h2) })
        await firing('StarlingAddressesExhausted', { instance: targetOf(h2) })
        await firing('StarlingLeasesLeak', { instance: targetOf(h1), code: 'leaks-held-back' })
        assert.match(await ask(h5, '/readyz'), /503 [\s\S]*it has no confirmed subnet\n/)
      })

      await t.test('no panel of the dashboard is empty', async () => {
        const queries = panelQueries()
        assert.ok(queries.length > 30)
        await fight(h1, await subnetOf(h3), 1)
        for (const { title, expression } of queries) {
          await until(`${title}: ${expression}`, async () =>
            (await prometheus.query(expression)).some(({ value }) => Number.isFinite(value)),
          )
        }
      })

      await t.test('and for what comes of broken disks and broken networks', async () => {
        await h2.stopAgent()
        await truncate(join(h2.directory, 'state', 'leases'), 3_000)
        await start(h2)
        await firing('StarlingError', { instance: targetOf(h2), code: 'leases-unreadable' })
        await shell(h3, cutOff)
        await firing('StarlingNodesDown', { job, liveness: 'host-down' })
        await firing('StarlingDigestsDiffer', { job })
        await firing('StarlingSplit', { job })
      })

      assert.deepEqual([...told].sort(), alertRules.map(({ alert }) => alert).sort())
    }),
  )
}

const targetOf = ({ address }: LabHost): string => `${address}:${port}`

/** The agents hear each other no more; whoever scrapes them does. */
const cutOff = `nft -f - <<'.'
table inet cut {
  chain in { type filter hook input priority 0; tcp dport 7871 drop; tcp sport 7871 drop; }
  chain out { type filter hook output priority 0; tcp dport 7871 drop; tcp sport 7871 drop; }
}
.`

/** As they are, but that nobody waits for minutes. */
const hasty = (rules: string): string =>
  rules
    .replaceAll(/^( +for: )\w+$/gm, '$10s')
    .replace('changes(starling_digest[1m])', 'changes(starling_digest[5s])')

const alerts = (prometheus: LabPrometheus, alert = '.+'): Promise<readonly Sample[]> =>
  prometheus.query(`ALERTS{alertstate="firing", alertname=~"${alert}"}`)

async function isScraped(prometheus: LabPrometheus, count: number): Promise<boolean> {
  const [sample] = await prometheus.query('count(starling_converged == 1)').catch(() => [])
  return sample?.value === count
}

/** What the dashboard asks, with all that a viewer can choose chosen. */
function panelQueries(): { title: string; expression: string }[] {
  const file = new URL('../../deploy/grafana/starling.json', import.meta.url)
  const { panels } = JSON.parse(readFileSync(file, 'utf8')) as {
    panels: { title: string; targets?: { expr: string }[] }[]
  }
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({
      title,
      expression: expr
        .replaceAll('$job', '.+')
        .replaceAll('$instance', '.+')
        .replaceAll('$__rate_interval', '10s'),
    })),
  )
}

/** Somebody else deletes a route, again and again. */
async function fight(host: LabHost, subnet: string, times = 6): Promise<void> {
  for (let round = 0; round < times; round += 1) {
    await until('it is there', async () => (await destinations(host)).includes(subnet))
    const after = host.lines.length
    await ip(`-n ${host.namespace} route del ${subnet} proto 83`)
    await host.note('route-drifted', { after })
  }
}

async function exhaust(host: LabHost): Promise<void> {
  const grant = (id: string) =>
    host.ask('AllocateLease', { id, name: '', addresses: [], families: [] })
  await Promise.all(Array.from({ length: 13 }, (_, index) => grant(`c${index}`)))
  await assert.rejects(grant('one-more'))
}

/** More containers are gone at once, without a word, than an agent frees unasked. */
async function leak(host: LabHost): Promise<void> {
  const runtime = new CniRuntime(host)
  await runtime.install()
  const name = `${host.namespace}-gone`
  await ip(`netns add ${name}`)
  for (let index = 0; index < 9; index += 1) {
    const attachment = { id: `gone${index}`, ifname: `eth${index}`, netns: `/run/netns/${name}` }
    const { exitCode, stdout } = await runtime.call(
      'ADD',
      'starling-ipam',
      runtime.bridgeConf(),
      attachment,
    )
    assert.equal(exitCode, 0, stdout)
  }
  // With one stroke: those that a look finds gone before the others would be freed.
  await ip(`netns del ${name}`)
}

/** The whole of its answer. */
const ask = (host: LabHost, path: string): Promise<string> =>
  shell(
    host,
    `bash -c 'exec 3<>/dev/tcp/${host.address}/${port}; printf "GET ${path} HTTP/1.0\\r\\nHost: ${host.address}\\r\\n\\r\\n" >&3; cat <&3'`,
  )
