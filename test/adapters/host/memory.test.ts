/** An agent that the kernel would kill is refused before it starts. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryShortage } from '../../../src/adapters/host/memory.ts'

const mebibyte = 1024 * 1024

test('a limit below what an agent takes is named, with the least that is needed', () => {
  assert.equal(
    memoryShortage(64 * mebibyte),
    'the memory limit of 64 MiB is too low, the kernel would kill the agent: give it at least 128 MiB',
  )
})

test('a wide limit and no limit are fine', () => {
  for (const limit of [128 * mebibyte, 2 ** 40, 0, 2 ** 63]) {
    assert.equal(memoryShortage(limit), undefined, `${limit}`)
  }
})
