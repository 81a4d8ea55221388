/** Runs a script in a network namespace of its own, which ends with it. */

import { spawn } from 'node:child_process'

/** Resolves with what it prints: one JSON document. */
export function inNamespace<T>(script: string, words: readonly string[]): Promise<T> {
  const all = ['--net', process.execPath, script, ...words]
  const child = spawn('unshare', all, { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(text) as T)
      else reject(new Error(`${script} ended with ${code}`))
    })
  })
}
