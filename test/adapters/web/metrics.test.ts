/** What scrapers and watchdogs get: formats, bounded labels, numbers that follow the agent, readiness that stays. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { after, before, beforeEach, describe, it } from 'node:test'
import type { WebListener } from '../../../src/adapters/web/listener.ts'
import { serveMetrics } from '../../../src/adapters/web/metrics.ts'
import { metrics } from '../../../src/adapters/web/metrics-table.ts'
import type { Note } from '../../../src/core/note.ts'
import type { AgentView } from '../../../src/core/view.ts'
import { addDuration, noDurations } from '../../../src/ports/durations.ts'
import { count, noTraffic } from '../../../src/ports/traffic.ts'
import { healthyView, prefixOf, troubledView } from '../../cli/fake-agent.ts'
import { freePort } from '../free-port.ts'

const hostile = 'h3"} 1\nevil_total{a="\u001b[31m'

let port = 0
let door: WebListener
let view: AgentView
let busyMs: number | undefined
let now = 1_000
const listeners = new Set<(note: Note) => void>()
const traffic = noTraffic()
const applied = noDurations([1, 10])
const tell = (note: Note): void => {
  for (const listener of listeners) listener(note)
}

async function open(): Promise<void> {
  port = await freePort()
  door = await serveMetrics({
    endpoint: { host: '127.0.0.1', port, names: [], tls: undefined },
    operator: {
      view: () => view,
      watch: (listener) => {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
    },
    traffic,
    applied,
    software: '0.1.0',
    busyMs: () => busyMs,
    clock: { now: () => now, schedule: () => () => undefined },
  })
}

beforeEach(() => {
  view = healthyView()
  busyMs = 0
})
before(open)
after(() => door.close())

describe('/metrics', () => {
  it('is plain text of Prometheus, in which promtool finds no fault', async () => {
    view = troubledView()
    tell({ code: 'in-sync', by: 'peer' })
    const { status, headers, body } = await ask('/metrics')
    assert.equal(status, 200)
    assert.equal(headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
    const { status: exitCode, stderr } = spawnSync('promtool', ['check', 'metrics'], {
      input: body,
      encoding: 'utf8',
    })
    assert.deepEqual([exitCode, stderr], [0, ''])
    for (const { name } of metrics) assert.match(body, new RegExp(`^# TYPE ${name} `, 'm'))
  })

  const openMetrics = 'application/openmetrics-text'
  const accepted = {
    [`${openMetrics};version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1`]: openMetrics,
    [openMetrics]: openMetrics,
    'text/plain;q=0.9,application/openmetrics-text;q=0.2': 'text/plain',
    'application/openmetrics-text;q=0': 'text/plain',
    '*/*': 'text/plain',
  }
  for (const [accept, type] of Object.entries(accepted)) {
    it(`is ${type} for whoever accepts ${accept}`, async () => {
      const { headers, body } = await ask('/metrics', accept)
      assert.ok(headers.get('content-type')?.startsWith(type))
      const isOpen = type === openMetrics
      assert.equal(body.endsWith('# EOF\n'), isOpen)
      const family = isOpen ? 'starling_claims_lost' : 'starling_claims_lost_total'
      assert.match(
        body,
        new RegExp(`^# TYPE ${family} counter\nstarling_claims_lost_total 0$`, 'm'),
      )
    })
  }

  it('has no label whose values are not few and known, whatever nodes call themselves', async () => {
    view = {
      ...troubledView(),
      name: hostile,
      cluster: hostile,
      nodes: healthyView().nodes.map((node) => ({
        ...node,
        missedBy: [hostile],
        record: { ...node.record, name: hostile, software: hostile, cluster: hostile },
      })),
      problems: [{ code: 'node-down', node: view.self, name: hostile, state: 'host-down', by: [] }],
    }
    tell({ code: 'node-joined', node: view.self, name: hostile })
    const { body } = await ask('/metrics')
    assert.doesNotMatch(body, /evil|h3/)
    const found = samplesOf(body)
    for (const { name, type, labels } of metrics) {
      const own = type === 'histogram' ? /_(bucket|sum|count)$/ : /^$/
      const samples = found.filter((each) => each.name.replace(own, '') === name)
      for (const sample of samples) {
        for (const [label, value] of Object.entries(sample.labels)) {
          const known = labels[label]
          if (label === 'le' && type === 'histogram') continue
          assert.ok(known !== undefined, `${name} says nothing of ${label}`)
          if (typeof known !== 'string') assert.ok(known.includes(value), `${name} ${value}`)
          else assert.match(value, /^[a-z0-9.-]{1,40}$/)
        }
      }
    }
    assert.ok(found.every(({ value }) => Number.isFinite(value)))
  })

  it('counts what the agent tells and what it says', async () => {
    const before = await numbers()
    tell({ code: 'node-down', node: view.self, name: 'c', state: 'host-down', by: [] })
    tell({ code: 'route-drifted', prefix: '172.16.4.0/22', by: 'removed', more: 700 })
    tell({ code: 'routes-written', added: 701, removed: 2 })
    count(traffic.gossip.sent, 900, 3)
    count(traffic.sync.received.beat, 9)
    traffic.verdicts.reject += 1
    addDuration(applied, 4)
    addDuration(applied, 40)
    const after = await numbers()
    const grown = [...after].flatMap(([sample, value]) => {
      const growth = value - (before.get(sample) ?? 0)
      return growth === 0 || /process|loop/.test(sample) ? [] : [`${sample} ${growth}`]
    })
    assert.deepEqual(grown, [
      'starling_events_total{code="node-down"} 1',
      'starling_events_total{code="route-drifted"} 1',
      'starling_events_total{code="routes-written"} 1',
      'starling_node_transitions_total{to="host-down"} 1',
      'starling_routes_written_total{change="added"} 701',
      'starling_routes_written_total{change="removed"} 2',
      'starling_route_apply_duration_seconds_bucket{le="0.01"} 1',
      'starling_route_apply_duration_seconds_bucket{le="+Inf"} 2',
      'starling_route_apply_duration_seconds_sum 0.044',
      'starling_route_apply_duration_seconds_count 2',
      'starling_drift_repairs_total{what="route"} 1',
      'starling_gossip_messages_total{direction="sent"} 3',
      'starling_gossip_bytes_total{direction="sent"} 900',
      'starling_gossip_verdicts_total{verdict="reject"} 1',
      'starling_sync_messages_total{direction="received",type="beat"} 1',
      'starling_sync_bytes_total{direction="received",type="beat"} 9',
    ])
  })

  it('shows the agent as it is at that moment', async () => {
    view = {
      ...troubledView(),
      nodes: healthyView().nodes.map((node) => ({
        ...node,
        record: { ...node.record, exclusions: [prefixOf('172.17.0.0/16')] },
      })),
    }
    const found = await numbers()
    const shown = (sample: string) => found.get(`starling_${sample}`)
    assert.equal(shown('digest'), 0x5f2b8c0a9d3e)
    assert.equal(shown('converged_parts{part="kernel"}'), 0)
    assert.equal(shown('problems{code="route-off-link",level="warn"}'), 4)
    assert.equal(shown('problems{code="leases-unreadable",level="error"}'), 1)
    assert.equal(shown('nodes{liveness="host-down"}'), 1)
    assert.equal(shown('rib_routes{family="ipv4"}'), 5)
    assert.equal(shown('fib_routes{family="ipv4"}'), 2)
    assert.equal(shown('routes{state="leftover"}'), 1)
    assert.equal(shown('pool_subnets_capacity{family="ipv4"}'), 1_024)
    assert.equal(shown('pool_subnets{family="ipv4",state="claimed"}'), 3)
    assert.equal(shown('pool_subnets{family="ipv4",state="excluded"}'), 64)
    assert.equal(shown('pool_subnets{family="ipv4",state="free"}'), 957)
    assert.equal(shown('addresses{family="ipv4",state="used"}'), 12)
    assert.equal(shown('leases{family="ipv4",door="cni"}'), 1)
  })

  it('tells since when the node has or has not converged', async () => {
    const age = async () => (await numbers()).get('starling_converged_age_seconds')
    view = troubledView()
    await age()
    now += 5_000
    assert.equal(await age(), 5)
    view = healthyView()
    assert.equal(await age(), 0)
    now += 2_000
    assert.equal(await age(), 2)
  })

  it('answers a failure with an error, and the next one as ever', async () => {
    const good = view
    view = { ...good, root: undefined as unknown as string }
    assert.equal((await ask('/metrics')).status, 500)
    view = good
    assert.equal((await ask('/metrics')).status, 200)
  })
})

describe('/healthz', () => {
  it('is well while the loop turns, and names the disk where it waits', async () => {
    assert.deepEqual(await answer('/healthz'), [200, 'ok\n'])
    view = troubledView()
    assert.deepEqual(await answer('/healthz'), [200, 'ok\n'], 'what ails the node is no matter')
    busyMs = 40_000
    const [status, body] = await answer('/healthz')
    assert.equal(status, 503)
    assert.match(body, /waited for 40 s .*disk/)
    busyMs = undefined
    assert.deepEqual(await answer('/healthz'), [503, 'the agent is stopping\n'])
  })
})

describe('/readyz', () => {
  it('says what is missing until all is there once, and stays then', async () => {
    await door.close()
    await open()
    const { convergence } = healthyView()
    const unequal = { ...convergence, kernelEqual: false }
    const leftovers = troubledView().routes.filter(({ state }) => state === 'leftover')
    const stages: [Partial<AgentView>, RegExp][] = [
      [{ phase: 'joining' }, /it joins/],
      [{ convergence: { ...unequal, claimed: false } }, /no confirmed subnet/],
      [{ ...troubledView(), convergence: unequal }, /4 of 5 routes/],
      [{ routes: leftovers, convergence: unequal }, /routes that are not wanted/],
    ]
    for (const [stage, why] of stages) {
      view = { ...healthyView(), ...stage }
      const [status, body] = await answer('/readyz')
      assert.equal(status, 503)
      assert.match(body, why)
    }
    // Whether others agree is no matter.
    view = { ...healthyView(), convergence: { ...convergence, digestsEqual: false } }
    assert.deepEqual(await answer('/readyz'), [200, 'ok\n'])
    view = { ...troubledView(), convergence: unequal }
    assert.deepEqual(await answer('/readyz'), [200, 'ok\n'])
    assert.equal((await numbers()).get('starling_ready'), 1)
  })
})

it('whoever asks for something else is told what there is', async () => {
  assert.deepEqual(await answer('/constructor'), [404, 'There are /metrics, /healthz, /readyz.\n'])
  assert.equal((await ask('/healthz?verbose')).status, 200)
})

it('nothing is counted after the end', async () => {
  await door.close()
  assert.equal(listeners.size, 0)
  await open()
})

async function ask(
  path: string,
  accept = '',
): Promise<{ status: number; headers: Headers; body: string }> {
  const headers = accept === '' ? {} : { accept }
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers })
  return { status: response.status, headers: response.headers, body: await response.text() }
}

async function answer(path: string): Promise<[number, string]> {
  const { status, body } = await ask(path)
  return [status, body]
}

/** By name and labels. */
async function numbers(): Promise<Map<string, number>> {
  const { body } = await ask('/metrics')
  return new Map(samplesOf(body).map(({ line, value }) => [line, value]))
}

function samplesOf(text: string) {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name = '', list = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
      const labels: Record<string, string> = {}
      for (const [, label = '', value = ''] of list.matchAll(/(\w+)="([^"]*)"/g))
        labels[label] = value
      return { line: line.slice(0, line.lastIndexOf(' ')), name, labels, value: Number(value) }
    })
}
