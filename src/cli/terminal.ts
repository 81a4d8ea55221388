/** The whole terminal for a while: drawn over and over, and as it was once that ends, however it ends. */

export interface Terminal {
  readonly rows: number
  draw(lines: readonly string[]): void
  close(): void
}

// Lines that are too long for the terminal are cut by it, not wrapped: they would push the first ones off.
const enter = '\x1b[?1049h\x1b[?25l\x1b[?7l'
const leave = '\x1b[?7h\x1b[?25h\x1b[?1049l'
const ctrlC = '\x03'

/** `changed`: the size. `quit`: by q, Ctrl-C or a signal. */
export function openTerminal(calls: { changed: () => void; quit: () => void }): Terminal {
  const { stdin, stdout } = process
  const { changed, quit } = calls
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  const restore = () => stdout.write(leave)
  const typed = (keys: Buffer) => {
    const text = keys.toString()
    if (text.includes('q') || text.includes(ctrlC)) quit()
  }
  stdout.write(enter)
  process.once('exit', restore)
  stdout.on('resize', changed)
  for (const signal of signals) process.on(signal, quit)
  if (stdin.isTTY) stdin.setRawMode(true).on('data', typed)
  return {
    get rows() {
      return stdout.rows || 24
    },
    draw: (lines) => {
      const body = lines.map((line) => `${line}\x1b[K`).join('\r\n')
      stdout.write(`\x1b[H${body}\x1b[J`)
    },
    close: () => {
      if (stdin.isTTY) stdin.off('data', typed).setRawMode(false).pause()
      for (const signal of signals) process.off(signal, quit)
      stdout.off('resize', changed)
      process.off('exit', restore)
      restore()
    },
  }
}
