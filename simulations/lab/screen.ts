/** What the lab shows on the terminal: one line per thing that happened, with the time since the start. */

import { styleText } from 'node:util'

export class Screen {
  readonly #startedAt = performance.now()

  title(text: string): void {
    console.log(`\n${styleText('bold', text)}`)
  }

  event(where: string, text: string): void {
    console.log(`${this.#time()} ${styleText('cyan', where.padEnd(4))} ${text}`)
  }

  good(text: string): void {
    console.log(`${this.#time()} ${styleText('green', 'ok  ')} ${text}`)
  }

  bad(text: string): void {
    console.error(`${this.#time()} ${styleText('red', 'FAIL')} ${text}`)
  }

  /** Output of a command, as the user would see it. */
  shown(command: string, output: string): void {
    console.log(styleText('dim', `     $ ${command}`))
    for (const line of output.trimEnd().split('\n')) console.log(`       ${line}`)
  }

  #time(): string {
    const seconds = ((performance.now() - this.#startedAt) / 1000).toFixed(2)
    return styleText('dim', `${seconds.padStart(6)}s`)
  }
}
