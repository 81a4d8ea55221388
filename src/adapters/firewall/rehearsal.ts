/** A firewall that is read and never written to: what would be written is told as input of its programs. */

import type { Firewall } from '../../ports/firewall.ts'
import { answerOf, checked, mayStand } from './firewall.ts'
import { OpeningRule } from './opening.ts'
import type { Write } from './program.ts'
import { MasqueradeTable } from './table.ts'

/** `record` is called with all commands of a program: the last word of it counts. */
export function rehearsedFirewall({
  name,
  marker,
  record,
}: {
  readonly name: string
  /** File that is there as long as anything of ours may stand. */
  readonly marker: string
  readonly record: (program: string, command: string) => void
}): Firewall {
  const write: Write = async ([program, ...words], input = '') =>
    record(program, commandText([program, ...words], input))
  const table = new MasqueradeTable(name, write)
  const rule = new OpeningRule(name, write)
  return {
    configure: async ({ masquerade, opening }) => {
      const stands = await mayStand(marker)
      const answers = [
        await answerOf('masquerade', async () => {
          if (masquerade) return table.keep(checked(masquerade))
          if (stands) await table.remove()
          return 'as it was'
        }),
        await answerOf('opening', async () => {
          if (opening) return rule.keep(checked(opening))
          if (stands) await rule.remove()
          return 'as it was'
        }),
      ]
      return { restored: [], failed: answers.flatMap(({ failed }) => failed) }
    },
    watch: () => undefined,
    stop: () => Promise.resolve(),
  }
}

const commandText = (words: readonly string[], input: string): string =>
  input === '' ? words.join(' ') : `${words.join(' ')} <<'EOF'\n${input.trimEnd()}\nEOF`
