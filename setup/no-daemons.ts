/** No daemon starts while packages are installed: the scripts that start them ask policy-rc.d first. */

import { readFileSync, rmSync, writeFileSync } from 'node:fs'

const policy = '/usr/sbin/policy-rc.d'
/** By this text what a killed run left is known, and removed by the next. */
const ours =
  '#!/bin/sh\n# Of `npm run setup` in starling, for as long as it installs packages.\nexit 101\n'

/** Performs `install`. A policy that the machine has already decides in place of ours, and stays as it is. */
export async function withoutDaemons<T>(
  install: () => Promise<T>,
  say: (line: string) => void,
): Promise<T> {
  if (!placed()) {
    say(`${policy} of this machine decides what starts.`)
    return install()
  }
  const remove = (): void => rmSync(policy, { force: true })
  // Whatever ends this process without its promises.
  process.on('exit', remove)
  try {
    return await install()
  } finally {
    remove()
    process.off('exit', remove)
  }
}

function placed(): boolean {
  try {
    writeFileSync(policy, ours, { flag: 'wx', mode: 0o755 })
    return true
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    return readFileSync(policy, 'utf8') === ours
  }
}
