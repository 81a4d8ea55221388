/**
 * `node test/page/pictures.ts`: makes the pictures of docs/page.md anew. With a directory as its argument it writes there
 * what else is worth a look: a phone, and pools of 1024 and 4096 taken subnets.
 */

import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { buildPage } from '../../packaging/page.ts'
import { boardOf } from '../../src/adapters/api/board.ts'
import { explainPrefix } from '../../src/adapters/api/explain-node.ts'
import { eventMessage } from '../../src/adapters/api/messages.ts'
import { openPage } from '../../src/adapters/web/page.ts'
import type { Liveness } from '../../src/core/liveness/observations.ts'
import type { Note } from '../../src/core/note.ts'
import type { AgentView, RouteView } from '../../src/core/view.ts'
import { realClock } from '../cli/fake-agent.ts'
import { launchBrowser } from './browser.ts'
import { clusterView, defaultPool, idOf } from './cluster-view.ts'

const port = 17_872
const origin = `http://127.0.0.1:${port}`
const links = new Map([[1, 'eth0']])

const down: ReadonlyMap<number, Liveness> = new Map([
  [17, 'host-down'],
  [29, 'agent-down'],
  [41, 'suspect'],
])
const common = { liveness: down, tentative: [63], leaving: [44], excluded: ['172.17.0.0/16'] }
const small = troubled(clusterView({ nodes: 64, ...common }))
const busy = { ...common, contested: [77, 300] }
const thousand = troubled(clusterView({ nodes: 1_024, ...busy, excluded: [] }))
const pool4096 = { prefix: defaultPool.prefix, subnetLength: 24 }
const many = troubled(clusterView({ nodes: 3_000, pool: pool4096, ...busy, excluded: [] }))

const notes: readonly Note[] = [
  { code: 'in-sync', by: 'peer' },
  { code: 'claim-confirmed', prefix: '172.16.0.0/22', afterMs: 2_004 },
  { code: 'routes-written', added: 63, removed: 0 },
  { code: 'node-joined', node: idOf(63), name: 'node-63' },
  downNote(29, 'agent-down'),
  downNote(17, 'host-down'),
]

function downNote(index: number, state: 'host-down' | 'agent-down') {
  const by = ['node-7', 'node-9', 'node-12']
  return { code: 'node-down', node: idOf(index), name: `node-${index}`, state, by } as const
}

/** With a route that somebody else's stands in the way of, and the problems of all this. */
function troubled(view: AgentView): AgentView {
  const routes = view.routes.map(
    (route, index): RouteView =>
      index === 30 && route.origin ? { ...route, state: 'missing', kernel: undefined } : route,
  )
  return {
    ...view,
    cluster: 'production',
    routes,
    convergence: { ...view.convergence, kernelEqual: false, converged: false },
    problems: [downNote(17, 'host-down'), downNote(29, 'agent-down')],
    kept: [],
  }
}

async function show(view: AgentView, look: () => Promise<void>): Promise<void> {
  const page = await openPage({
    endpoint: { host: '127.0.0.1', port, names: [], tls: undefined },
    follow: () => () => boardOf(view, { links, inabilities: [] }),
    event: ({ note, timeMs }) => eventMessage(note, timeMs, 0),
    recent: () => notes.map((note) => ({ note, timeMs: Date.now() })),
    watch: () => () => undefined,
    explainPrefix: (prefix) => explainPrefix(view, prefix, links),
    explainAddress: async () => ({}),
    clock: realClock,
    wallMs: Date.now,
    failed: (thrown) => console.error(thrown),
  })
  try {
    await look()
  } finally {
    await page.close()
  }
}

async function open(page: Page): Promise<void> {
  await page.goto(`${origin}/#172.16.68.0%2F22`)
  await page.locator('.answer').filter({ hasText: 'claim' }).waitFor()
}

const [directory] = process.argv.slice(2)
await buildPage(join(import.meta.dirname, '../..'))
const browser = await launchBrowser()
try {
  const shoot = async (
    path: string,
    options: { width: number; height: number; colorScheme?: 'dark' | 'light'; fullPage?: boolean },
  ): Promise<void> => {
    const { width, height, colorScheme = 'light', fullPage = false } = options
    const page = await browser.newPage({ viewport: { width, height }, colorScheme })
    await open(page)
    await page.screenshot({ path, fullPage })
    await page.close()
    console.log(path)
  }
  const wide = { width: 1_120, height: 720 }
  await show(small, async () => {
    if (directory === undefined) {
      const docs = join(import.meta.dirname, '../../docs/images')
      for (const colorScheme of ['light', 'dark'] as const)
        await shoot(join(docs, `page-${colorScheme}.png`), { ...wide, colorScheme })
      return
    }
    await shoot(join(directory, 'light.png'), { ...wide, fullPage: true })
    await shoot(join(directory, 'dark.png'), { ...wide, fullPage: true, colorScheme: 'dark' })
    await shoot(join(directory, 'phone.png'), { width: 390, height: 844, fullPage: true })
    await shoot(join(directory, 'huge.png'), { width: 2_560, height: 1_400 })
  })
  if (directory !== undefined) {
    await show(thousand, () => shoot(join(directory, '1024.png'), wide))
    await show(many, () => shoot(join(directory, '4096.png'), { ...wide, colorScheme: 'dark' }))
  }
} finally {
  await browser.close()
}
