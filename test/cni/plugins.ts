/** CNI plugins to install a network for. */

import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { compileNative } from '../../packaging/native.ts'

const project = join(import.meta.dirname, '../..')

/** What the build makes; it stays for the other tests that run without one. */
export async function requireNative(): Promise<void> {
  const built = join(project, 'dist/native')
  if (!existsSync(built)) await compileNative(project, built)
}

/** A plugin that knows nothing but its versions. */
export function fakePlugin(directory: string, name: string, known: readonly string[]): void {
  const answer = JSON.stringify({ cniVersion: '1.0.0', supportedVersions: known })
  const about = `CNI ${name} plugin v1.9.1`
  const script = `#!/bin/sh\n[ "$CNI_COMMAND" = VERSION ] && echo '${answer}' || echo '${about}' >&2\n`
  writeFileSync(join(directory, name), script, { mode: 0o755 })
}
