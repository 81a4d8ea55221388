/** What goes over a connection when streams carry messages. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import type { Stream } from '@libp2p/interface'
import { multiaddrConnectionPair } from '@libp2p/utils'
import { thriftyYamux } from '../../../src/adapters/libp2p/muxer.ts'

/** A stream between two muxers, and how many frames its receiver has sent back. */
async function world() {
  const [near, far] = multiaddrConnectionPair()
  let answers = 0
  near.addEventListener('message', () => {
    answers += 1
  })
  const create = thriftyYamux({ enableKeepAlive: false })()
  const sender = create.createStreamMuxer(near)
  const receiver = create.createStreamMuxer(far)
  let bytes = 0
  receiver.addEventListener('stream', ({ detail }) =>
    detail.addEventListener('message', ({ data }) => {
      bytes += data.byteLength
    }),
  )
  const stream = await sender.createStream()
  return { stream, answers: () => answers, received: () => bytes }
}

async function until(fits: () => boolean): Promise<void> {
  while (!fits()) await new Promise((resolve) => setTimeout(resolve, 1))
}

async function send(stream: Stream, count: number, bytes: number): Promise<void> {
  for (let sent = 0; sent < count; sent += 1) {
    if (!stream.send(new Uint8Array(bytes))) await once(stream, 'drain')
  }
}

test('messages are not answered one by one', async () => {
  const { stream, answers, received } = await world()
  await send(stream, 100, 400)
  await until(() => received() === 40_000)
  assert.equal(answers(), 0)
})

test('a stream carries more than a window', async () => {
  const { stream, answers, received } = await world()
  await send(stream, 64, 32_768)
  await until(() => received() === 2_097_152)
  assert.ok(answers() > 0 && answers() <= 16, `${answers()}`)
})
