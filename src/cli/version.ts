/** The version of this package. */

import { readFileSync } from 'node:fs'

/** src/cli and dist/cli are equally deep, so one path serves both. */
export function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
