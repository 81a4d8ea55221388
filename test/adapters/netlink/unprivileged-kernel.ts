/** What a kernel can do without CAP_NET_ADMIN, printed as JSON. */

import { noAnswers } from '../../../src/core/routing/route.ts'
import { addressOf, link, makeKernel, prefixOf } from './host.ts'

const kernel = makeKernel()
await kernel.start(() => undefined)
const { links } = await kernel.dump()
const ifindex = links.find(({ name }) => name === link)?.ifindex ?? 0
const key = { prefix: prefixOf('172.16.4.0/22'), metric: 0 }
const target = { type: 'via', nextHop: addressOf('10.0.1.71'), ifindex } as const
const results = await kernel.apply([
  { type: 'add', key, target },
  { type: 'remove', key },
])
const bridge = await kernel.configureBridge({
  name: 'starling0',
  addresses: [{ address: addressOf('172.16.4.1'), length: 22 }],
  former: [],
  answers: noAnswers,
})
await kernel.stop()
const outcomes = results.map(({ outcome, error }) => [outcome, error])
process.stdout.write(JSON.stringify({ sees: ifindex !== 0, outcomes, bridge }))
