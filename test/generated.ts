/** What code generates in pages: compared with what stands there, or written there with UPDATE_DOCS=1. */

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'

/** Between `<!-- generated… -->` and `<!-- end… -->`, where `mark` follows those words. */
export function assertGenerated(path: URL, made: string, mark = ''): void {
  const text = readFileSync(path, 'utf8')
  const start = text.indexOf('\n', text.indexOf(`<!-- generated${mark}`)) + 1
  const end = text.indexOf(`<!-- end${mark} -->`)
  assert.ok(start > 0 && end >= start, `${path.pathname} has no place for it`)
  assertPage(path, `${text.slice(0, start)}${made}${text.slice(end)}`)
}

export function assertPage(path: URL, wanted: string): void {
  if (process.env.UPDATE_DOCS) writeFileSync(path, wanted)
  else assert.equal(readFileSync(path, 'utf8'), wanted, 'run this test with UPDATE_DOCS=1')
}
