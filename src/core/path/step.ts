/** What a host says of a packet's way: steps in the order in which the packet meets them. */

/** `unknown`: it could not be found out, which is not the same as wrong. */
export type StepVerdict = 'ok' | 'wrong' | 'unknown'

export interface Step {
  readonly code:
    | 'source'
    | 'subnet'
    | 'route'
    | 'forwarding'
    | 'input'
    | 'firewall'
    | 'lease'
    | 'neighbour'
  readonly verdict: StepVerdict
  readonly message: string
  /** Empty where nothing is wrong. */
  readonly mend: string
}

/** What one host says of one direction. */
export interface Hop {
  readonly direction: 'there' | 'back'
  readonly name: string
  /** Why it says nothing; empty where it does. */
  readonly unanswered: string
  readonly steps: readonly Omit<Step, 'code'>[]
}

export interface Conclusion {
  readonly verdict: StepVerdict
  readonly message: string
  readonly mend: string
}

/** The first thing that is wrong; where nothing is, the first that nobody can tell. */
export function conclude(hops: readonly Hop[]): Conclusion {
  const all = hops.flatMap((hop) => stepsOf(hop).map((step) => ({ hop, step })))
  const found =
    all.find(({ step }) => step.verdict === 'wrong') ??
    all.find(({ step }) => step.verdict === 'unknown')
  if (!found) {
    return {
      verdict: 'ok',
      message: 'every host on the way passes it on, there and back',
      mend: '',
    }
  }
  const { hop, step } = found
  const way = hop.direction === 'back' ? ', on the way back' : ''
  return { verdict: step.verdict, message: `${hop.name}${way}: ${step.message}`, mend: step.mend }
}

const stepsOf = ({ unanswered, steps }: Hop): Hop['steps'] =>
  unanswered === '' ? steps : [{ verdict: 'unknown', message: unanswered, mend: '' }]
