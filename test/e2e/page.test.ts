/** The page in a real browser, of real agents: what it shows, that it can be used by all, and that it keeps to itself. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { before, test } from 'node:test'
import axe from 'axe-core'
import type { Page } from 'playwright-core'
import { buildPage } from '../../packaging/page.ts'
import { Forward } from '../../simulations/lab/forward.ts'
import type { LabHost } from '../../simulations/lab/host.ts'
import { pointAt } from '../../src/page/hilbert.ts'
import { faultsOf, launchBrowser } from '../page/browser.ts'
import { leasedTo, ready, startHosts, subnetOf, until, withLab } from './lab.ts'

const port = 7_880

before(() => buildPage(join(import.meta.dirname, '../..')))

test('the page shows what the cluster does, to everybody, and asks nobody else', async (t) => {
  await withLab('page', async (lab) => {
    const options = ['--ui-listen', `127.0.0.1:${port}`, '--watch-ms', '250']
    const hosts = await startHosts(lab, 3, options)
    const [h1, h2, h3] = hosts as [LabHost, LabHost, LabHost]
    const forward = await Forward.start(h1.namespace, port)
    const browser = await launchBrowser()
    try {
      const origin = `http://127.0.0.1:${forward.port}`
      const context = await browser.newContext({ colorScheme: 'light' })
      await context.addInitScript(axe.source)
      const page = await context.newPage()
      page.setDefaultTimeout(20_000)
      const faults = faultsOf(page, origin)
      let subnets: readonly string[] = []

      await t.test('claims appear while it is looked at', async () => {
        await h1.note('claim-confirmed')
        await page.goto(`${origin}/`)
        await ready(hosts)
        subnets = await Promise.all(hosts.map(subnetOf))
        await legend(page, 'this node', 1)
        await legend(page, 'confirmed', 2)
        await page.locator('.verdict').getByText('OK h1 has').waitFor()
        for (const { name } of hosts)
          await page.getByRole('link', { name, exact: true }).first().waitFor()
        assert.match(await page.title(), /^✓ h1 · starling$/)
      })

      await t.test('an address is explained, by asking the node that has it', async () => {
        const { exitCode, stderr } = await h2.cli('ip', 'allocate', 'web-1')
        assert.equal(exitCode, 0, stderr)
        const [address = ''] = await leasedTo(h2, 'web-1')
        await search(page, address)
        await page.getByText(`${address} is held by web-1`).waitFor()
        assert.match(page.url(), new RegExp(`#${address}$`))
      })

      await t.test('so are a prefix, a node, and what is neither', async () => {
        const half = String(subnets[1]).replace('/22', '/23')
        await search(page, half)
        await page.getByText(`${half} lies in ${subnets[1]}, claimed by h2`).waitFor()
        await search(page, 'h3')
        await page.getByText(`h3 is alive and has ${subnets[2]}.`).waitFor()
        await search(page, '<b>nonsense</b>')
        await page.getByText('This is no address, no prefix and no known node.').waitFor()
      })

      await t.test('the map is used by keyboard, and tells a screen reader', async () => {
        await page.getByRole('button', { name: 'Skip to the map' }).press('Enter')
        await page.getByRole('status').getByText(`${subnets[0]}, this node, h1`).waitFor()
        // Any of the hosts may have the lowest one.
        await page.keyboard.press('Home')
        for (let at = 0; at < indexOf(subnets[1]); at += 1) await page.keyboard.press('PageDown')
        await page.getByRole('status').getByText(`${subnets[1]}, confirmed, h2`).waitFor()
        const [cursor, cell] = await Promise.all([
          page.locator('.cursor').boundingBox(),
          cellBox(page, indexOf(subnets[1])),
        ])
        assert.ok(cursor)
        for (const side of ['x', 'y', 'width'] as const)
          assert.ok(Math.abs(cursor[side] - cell[side]) < 1, `${side} of the cursor`)
        await page.keyboard.press('Enter')
        await page.getByText(`${subnets[1]} is claimed by h2, confirmed.`).waitFor()
      })

      await t.test('a host that is killed turns red, and words say so', async () => {
        const red = await colour(page, 'bad')
        assert.notEqual(await corner(page, indexOf(subnets[2])), red)
        await h3.cutOff()
        await h3.stopAgent('SIGKILL')
        await legend(page, 'host down', 1)
        await until('it is red', async () => (await corner(page, indexOf(subnets[2]))) === red)
        await page.getByText('host h3 does not answer').first().waitFor()
        await page.getByRole('cell', { name: /^host down/ }).waitFor()
        await search(page, 'h3')
        await page.getByText('h3 is host down').waitFor()
        await page.getByText('Converged, with problems').waitFor()
      })

      await page.getByText('The map as a table').click()
      for (const colorScheme of ['light', 'dark'] as const) {
        await t.test(`nothing keeps anybody out of it when it is ${colorScheme}`, async () => {
          await page.emulateMedia({ colorScheme })
          assert.deepEqual(await violations(page), [])
        })
      }

      await t.test('a phone shows all of it, and nothing is cut off', async () => {
        await page.setViewportSize({ width: 390, height: 844 })
        const width = () => page.evaluate('document.documentElement.scrollWidth')
        await until('the page is as wide as the phone', async () => (await width()) === 390)
        assert.deepEqual(await violations(page), [])
      })

      assert.deepEqual(faults, [], 'nothing was blocked, thrown, or asked for elsewhere')

      await t.test('an agent that ends is missed, and found again by itself', async () => {
        await h1.stopAgent()
        await page.getByText('No word from the agent since').waitFor()
        await h1.startAgent(['--seed', h2.address, '--seed', h3.address, ...options])
        await page.getByText('No word from the agent since').waitFor({ state: 'hidden' })
        await legend(page, 'this node', 1)
        const down = page.getByRole('listitem').filter({ hasText: 'host h3 does not answer' })
        await down.getByRole('listitem').filter({ hasText: 'seed-unreachable' }).waitFor()
      })
    } finally {
      await browser.close()
      await forward.stop()
    }
  })
})

/** Of a subnet in the default pool. */
const indexOf = (subnet = ''): number => Number(subnet.split('.')[2]) / 4

async function search(page: Page, of: string): Promise<void> {
  const field = page.getByRole('searchbox', { name: 'Explain' })
  await field.fill(of)
  await field.press('Enter')
}

async function legend(page: Page, state: string, count: number): Promise<void> {
  const items = page.getByRole('list', { name: 'Cells by state' }).getByRole('listitem')
  await items.filter({ hasText: new RegExp(`^${state} ${count}$`) }).waitFor()
}

/** As `rgb()` has it. */
async function colour(page: Page, name: string): Promise<string> {
  return String(
    await page.evaluate(`(() => {
      const probe = document.body.appendChild(document.createElement('i'))
      probe.style.color = 'var(--${name})'
      const { color } = getComputedStyle(probe)
      probe.remove()
      return color
    })()`),
  )
}

/** Where a cell lies on the screen, in the map of the default pool. */
async function cellBox(page: Page, index: number) {
  const box = await page.locator('.map canvas').boundingBox()
  assert.ok(box)
  const side = box.width / 32
  const { x, y } = pointAt(index, 10)
  return { x: box.x + x * side, y: box.y + y * side, width: side }
}

/** Of a pixel in the corner of that cell. */
async function corner(page: Page, index: number): Promise<string> {
  const { x, y } = pointAt(index, 10)
  return String(
    await page.evaluate(`(() => {
      const canvas = document.querySelector('.map canvas')
      const side = canvas.width / 32
      const [r, g, b] = canvas.getContext('2d').getImageData(${x} * side + 1, ${y} * side + 1, 1, 1).data
      return 'rgb(' + [r, g, b].join(', ') + ')'
    })()`),
  )
}

async function violations(page: Page): Promise<string[]> {
  return (await page.evaluate(
    `axe.run().then(({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ': ' + html)))`,
  )) as string[]
}
