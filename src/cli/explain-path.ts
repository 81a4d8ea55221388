/** `starling explain A B`: the way of a packet and of its answer, host by host, and the first thing that is wrong. */

import type {
  ExplainPathRequest,
  ExplainPathResponse,
  HopMessage,
  StepMessage,
} from '../adapters/api/definition.ts'
import { printable } from '../core/printable.ts'
import { exitCode } from './exit-code.ts'
import { paint, wrap } from './layout.ts'
import { actionMs, printJson, type Shared, withAgent } from './session.ts'

export const explainPath = (request: ExplainPathRequest, shared: Shared): Promise<number> =>
  withAgent(shared, async (agent) => {
    const answer = await agent.call('ExplainPath', request, actionMs)
    if (shared.json) printJson(answer)
    else console.log(pathText(answer).join('\n'))
    return answer.verdict === 'ok' ? exitCode.fine : exitCode.failed
  })

function pathText({ from, to, hops, verdict, message, mend }: ExplainPathResponse): string[] {
  const steps = hops.flatMap((hop) => hop.steps)
  const first = steps.find((step) => step.verdict === 'wrong')
  const lines = hops.flatMap((hop, index) => {
    const isTurn = hop.direction !== hops[index - 1]?.direction
    const [start, end] = hop.direction === 'there' ? [from, to] : [to, from]
    const title = paint('dim', `${hop.direction.padEnd(6)} ${start} -> ${end}`)
    return [...(isTurn ? [title] : []), ...hopLines(hop, first)]
  })
  const mark = paint(['bold', colours.get(verdict) ?? 'yellow'], verdict.toUpperCase())
  const [head = '', ...rest] = wrap(
    `${verdict.toUpperCase()}  `,
    `${message}${mend === '' ? '' : ` -> ${mend}`}`,
  )
  return [...lines, '', `${mark}${head.slice(verdict.length)}`, ...rest]
}

function hopLines(
  { name, steps, unanswered }: HopMessage,
  first: StepMessage | undefined,
): string[] {
  const title = `  ${paint('bold', printable(name))}`
  if (unanswered !== '') return [title, ...wrap(`    ${'unknown'.padEnd(9)}`, unanswered)]
  return [
    title,
    ...steps.flatMap((step) => {
      const { verdict, message } = step
      // Colour alone says nothing on paper.
      const mark = `${step === first ? '  > ' : '    '}${verdict.padEnd(9)}`
      const [head = '', ...rest] = wrap(mark, message)
      return [`${paint(colours.get(verdict), mark)}${head.slice(mark.length)}`, ...rest]
    }),
  ]
}

const colours: ReadonlyMap<string, 'red' | 'yellow' | 'green'> = new Map([
  ['ok', 'green'],
  ['wrong', 'red'],
  ['unknown', 'yellow'],
])
