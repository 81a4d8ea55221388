/** The screen of `starling status`: one screen, who stands in the way, and what follows from what. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { statusMessage } from '../../src/adapters/api/messages.ts'
import { statusText } from '../../src/cli/status-text.ts'
import type { Problem } from '../../src/core/problem.ts'
import type { AgentView } from '../../src/core/view.ts'
import { healthyView, nodeC, noInabilities, troubledView } from './fake-agent.ts'

const linesOf = async (view: AgentView) =>
  statusText({
    ...statusMessage(view, 60_000, new Map([[1, 'eth0']])),
    inabilities: await noInabilities(),
  })
const textOf = async (view: AgentView) => (await linesOf(view)).join('\n')

describe('the status of', () => {
  test('a healthy node has 24 lines at most, and says how nodes are admitted', async () => {
    const lines = await linesOf(healthyView())
    assert.ok(lines.length <= 24)
    assert.ok(
      lines.some((line) =>
        /^admission +by the cluster key; discovery on eth0 hears [0-9]+ agents?$/.test(line),
      ),
    )
    assert.ok(!lines.some((line) => line.startsWith('versions')))
  })

  test('an open cluster says so, whatever it is reached from', async () => {
    const text = await textOf({ ...healthyView(), admission: 'open' })
    assert.match(text, /^OK /)
    assert.match(text, /^admission +open: whoever connects may join/m)
  })

  test('a node that disagrees names three others at most, and what is not known as not known', async () => {
    const view = troubledView()
    const [self, b] = view.nodes
    assert.ok(self && b)
    const other = (name: string, digestEqual: boolean | undefined) => ({
      ...{ ...b, connected: true, digestEqual },
      record: { ...b.record, name },
    })
    const nodes = [self, other('x', false), other('y', undefined), other('z', false)]
    const expected =
      /the records of x, z are not the same, those of y are not compared yet, nor are they known to be the same of 1 more nodes/
    const text = await textOf({ ...view, nodes: [...nodes, other('w', undefined)] })
    assert.match(text.replace(/\n +/g, ' '), expected)
    assert.doesNotMatch(await textOf({ ...view, nodes }), /more nodes/)
  })

  test('a kernel that differs has five routes at most, wanted beside what is there', async () => {
    const text = await textOf(troubledView())
    assert.match(
      text,
      /^ {2}route {4}172\.16\.8\.0\/22: wanted via 10\.0\.1\.72 dev eth0, the kernel has nothing$/m,
    )
    assert.match(text, /^ {2}route {4}10\.9\.0\.0\/16: .*, the kernel has dev eth0 \(not ours\)$/m)
    assert.match(
      text,
      /^ {2}route {4}172\.16\.20\.0\/22: wanted nothing, the kernel has unreachable$/m,
    )
    assert.equal(text.match(/^ {2}route /gm)?.length, 5)
  })

  test('a cluster of several versions counts them', async () => {
    const { nodes, ...view } = healthyView()
    const mixed = nodes.map((node) =>
      node.record.origin === nodeC
        ? { ...node, record: { ...node.record, software: '0.2.0' } }
        : node,
    )
    assert.match(await textOf({ ...view, nodes: mixed }), /^versions +0\.1\.0 on 2, 0\.2\.0 on 1$/m)
  })

  test('a node without an uplink shows under that what follows, and how to mend the root alone', async () => {
    const problems: Problem[] = [
      { code: 'joined-alone', waitedMs: 30_000 },
      { code: 'seed-unreachable', subject: '10.0.1.99', reason: 'no route' },
      { code: 'uplink-missing', lack: { type: 'none' } },
      { code: 'subnet-exhausted', prefix: '172.16.0.0/22' },
    ]
    const lines = await linesOf({ ...healthyView(), problems })
    const at = (code: string) => lines.findIndex((line) => line.includes(`[${code}]`))
    assert.match(lines[at('uplink-missing')] ?? '', /^ {2}warning {2}no interface/)
    assert.match(lines[at('uplink-missing') + 1] ?? '', /-> give an interface/)
    assert.match(lines[at('seed-unreachable')] ?? '', /^ {2}warning {2}└─ seed/)
    assert.equal(at('seed-unreachable'), at('uplink-missing') + 2)
    assert.match(lines[at('joined-alone')] ?? '', /^ {2}warning {5}└─ no seed/)
    assert.equal(at('joined-alone'), at('seed-unreachable') + 1)
    assert.match(lines[at('subnet-exhausted') + 1] ?? '', /-> starling ip list/)
  })
})
