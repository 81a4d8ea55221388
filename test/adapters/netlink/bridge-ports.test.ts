import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { BridgePorts } from '../../../src/adapters/netlink/bridge-ports.ts'
import type { LinkFacts } from '../../../src/adapters/netlink/link-message.ts'

describe('ports of a bridge', () => {
  let now = 0
  let ports: BridgePorts
  beforeEach(() => {
    now = 0
    ports = new BridgePorts('starling0', () => now)
    // In the order of a dump: the first port is older than its bridge.
    ports.read([link(3, 'a', 4), link(4, 'starling0'), link(5, 'b', 4), link(6, 'c')])
  })

  it('are orphans when the bridge is deleted, whether they are told of before it or after', () => {
    ports.observe(link(3, 'a'))
    ports.observe({ ...link(4, 'starling0'), removed: true })
    ports.observe(link(5, 'b'))
    assert.deepEqual([...ports.orphans].sort(), [3, 5])
  })

  it('are none when they were taken off it before, are gone, or hang on another bridge', () => {
    ports.observe(link(3, 'a'))
    now = 1_001
    ports.observe({ ...link(4, 'starling0'), removed: true })
    assert.deepEqual(ports.orphans, [5])
    ports.observe(link(5, 'b', 9))
    assert.deepEqual(ports.orphans, [])
  })

  it('are none any more once they hang on the next one', () => {
    ports.observe({ ...link(4, 'starling0'), removed: true })
    ports.observe({ ...link(3, 'a'), removed: true })
    ports.read([link(5, 'b', 7), link(7, 'starling0')])
    assert.deepEqual(ports.orphans, [])
    ports.observe({ ...link(7, 'starling0'), removed: true })
    assert.deepEqual(ports.orphans, [5])
  })
})

const link = (ifindex: number, name: string, master = 0): LinkFacts => ({
  ifindex,
  name,
  up: true,
  carrier: true,
  removed: false,
  kind: name === 'starling0' ? 'bridge' : 'veth',
  master,
  alternativeNames: [],
})
