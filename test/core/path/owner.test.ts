/** Whose host an address is behind. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ownerOf } from '../../../src/core/path/owner.ts'
import type { AgentView } from '../../../src/core/view.ts'
import { addressOf, healthyView } from '../../cli/fake-agent.ts'

const address = addressOf('172.16.4.9')
const attachment = { door: 'grpc', network: '', id: 'web-1', ifname: '' } as const
const keptIn = (lostTo: string): AgentView => ({
  ...healthyView(),
  kept: [{ lease: { address, name: '', attachment, sinceMs: 0 }, lostTo }] as never,
})

test('a lease that a node kept makes the address its own, unless another node keeps it', () => {
  const { self } = healthyView()
  assert.equal(ownerOf(healthyView(), address)?.name, 'b')
  assert.equal(ownerOf(keptIn(''), address)?.origin, self)
  assert.equal(ownerOf(keptIn('b'), address)?.name, 'b')
})
