/** `starling explain` as people meet it, in front of a hand-made agent. */

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  type FakeAgent,
  healthyView,
  nodeA,
  nodeB,
  nodeC,
  startFakeAgent,
  troubledView,
} from './fake-agent.ts'
import { run } from './run.ts'

let agent: FakeAgent
before(async () => {
  agent = await startFakeAgent()
})
after(() => agent.stop())

const explain = (...words: string[]) =>
  run(['explain', ...words], { STARLING_SOCKET: agent.socket })

describe('explain', { concurrency: false }, () => {
  test('of an address tells who else claimed it and which step decided, and what the kernel does', async () => {
    const view = healthyView()
    const [first] = view.claims
    assert.ok(first)
    const rival = { ...first, name: 'b', origin: nodeB, own: false }
    const lost = { ...rival, standing: 'yielding', lost: { to: 'a', by: 'used' } } as const
    agent.view = { ...view, claims: [lost, ...view.claims] }
    const { code, out } = await explain('172.16.0.9')
    assert.equal(code, 0)
    assert.match(
      out,
      /^subnet +172\.16\.0\.0\/22 of a \(this node\), confirmed 2026-01-02T03:04:06Z$/m,
    )
    assert.match(out, /^also +172\.16\.0\.0\/22 of b, .*, yielding: that of a has had leases$/m)
    assert.match(out, /^node +a: this node$/m)
    assert.match(out, /^kernel +takes 172\.16\.0\.0\/22 dev starling0 \(ours\)$/m)
  })

  test('of a prefix tells who claims and announces what overlaps it, and the routes', async () => {
    agent.view = troubledView()
    const { code, out } = await explain('172.16.8.0/21')
    assert.equal(code, 0)
    assert.match(out, /^claimed +172\.16\.8\.0\/22 of c, confirmed/m)
    assert.match(out, /^route +172\.16\.12\.0\/22 via 10\.0\.1\.72 dev .*, not on-link: /m)
    assert.doesNotMatch(out, /172\.16\.4\.0/)
    assert.match((await explain('10.0.0.0/8')).out, /^announced +10\.9\.0\.0\/16 by c$/m)
  })

  test('of a node tells how it stands and who says so, and what differs', async () => {
    const view = healthyView()
    const nodes = view.nodes.map((node) =>
      node.record.origin === nodeC
        ? { ...node, record: { ...node.record, software: '0.2.0' }, digestEqual: false }
        : node,
    )
    agent.view = { ...view, nodes }
    for (const named of ['c', nodeC]) {
      const { code, out } = await explain(named)
      assert.equal(code, 0)
      assert.match(out, /^node +c {2}12D3KooWC3/m)
      assert.match(
        out,
        /^state +host down .* \(b, d\), connected at 10\.0\.1\.72:7871, has other records/m,
      )
      assert.match(out, /^subnet +172\.16\.8\.0\/22 of c/m)
      assert.match(out, /^announced +10\.9\.0\.0\/16$/m)
      assert.match(out, /^differs +it runs version 0\.2\.0, this node 0\.1\.0$/m)
    }
  })

  test('of a name that two nodes have says which ids, and of what is nothing what it could be', async () => {
    const view = healthyView()
    const nodes = view.nodes.map((node) => ({ ...node, record: { ...node.record, name: 'b' } }))
    agent.view = { ...view, nodes }
    const twice = await explain('b')
    assert.equal(twice.code, 1)
    for (const id of [nodeA, nodeB, nodeC]) assert.ok(twice.err.includes(id))
    const nobody = await explain('z')
    assert.equal(nobody.code, 1)
    assert.match(nobody.err, /^starling: no node is named z.*: starling peers lists the nodes\n$/)
    for (const [words, says] of [
      [['172.16.0.9/22'], /has host bits set: write 172\.16\.0\.0\/22/],
      [['172.16.0.999'], /is no address, prefix or name of a node: starling peers/],
      [['172.16.0.9', 'b'], /"b" is not an IP address: give two addresses/],
    ] as const) {
      const { code, err } = await explain(...words)
      assert.equal(code, 2)
      assert.match(err, says)
      assert.equal(err.split('\n').length, 2)
    }
  })

  test('of two addresses follows the way there and back, and says unknown of whoever does not answer', async () => {
    agent.view = healthyView()
    const { code, out } = await explain('172.16.0.9', '172.16.4.7')
    assert.equal(code, 1)
    const lines = out.trimEnd().split('\n')
    assert.match(lines[0] ?? '', /^there +172\.16\.0\.9 -> 172\.16\.4\.7$/)
    assert.match(out, /^back +172\.16\.4\.7 -> 172\.16\.0\.9$/m)
    assert.match(out, /^ {4}unknown +node b.*does not answer: no answer$/m)
    assert.match(out, /^UNKNOWN {2}b: node b/m)
    assert.doesNotMatch(out, /^WRONG/m)
  })

  test('of addresses of which none is of the cluster says so', async () => {
    const { code, err } = await explain('8.8.8.8', '9.9.9.9')
    assert.equal(code, 1)
    assert.match(err, /neither 8\.8\.8\.8 nor 9\.9\.9\.9 is of a node of this cluster/)
  })
})
