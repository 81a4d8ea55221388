/** Debian's Chromium, driven by playwright, with what a page must not do written down. */

import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { path } from '../../setup/machine.ts'

export const launchBrowser = (): Promise<Browser> =>
  chromium.launch({
    executablePath: programNamed('chromium'),
    // Chromium's sandbox refuses to run as root. It visits this machine alone.
    args: ['--no-sandbox', '--disable-background-networking', '--disable-component-update'],
  })

function programNamed(name: string): string {
  const found = path.split(delimiter).find((directory) => {
    try {
      accessSync(join(directory, name), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
  if (found === undefined) throw new Error(`${name} is missing: npm run setup`)
  return join(found, name)
}

/** Errors on the console (violations of the policy are some), what is thrown, and requests to elsewhere than `origin`. */
export function faultsOf(page: Page, origin: string): readonly string[] {
  const faults: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(`console: ${message.text()}`)
  })
  page.on('pageerror', (error) => faults.push(`thrown: ${error.message}`))
  page.on('request', (request) => {
    if (!request.url().startsWith(`${origin}/`)) faults.push(`requested: ${request.url()}`)
  })
  return faults
}
