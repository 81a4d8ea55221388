/** Problems as people read them: each under the one that it follows from. */

import type { ProblemMessage } from '../adapters/api/definition.ts'

export interface NestedProblem extends ProblemMessage {
  /** 0: it stands for itself. What follows from another one needs no mend of its own. */
  readonly depth: number
}

/**
 * In reading order. A thousand routes may have one cause, and one screen must hold all causes: of one code at most three
 * are shown, and at most `atMost` of all.
 */
export function nestedProblems(
  problems: readonly ProblemMessage[],
  atMost: number,
): readonly NestedProblem[] {
  const shown: NestedProblem[] = []
  const seen = new Map<string, number>()
  const show = (problem: ProblemMessage, place: number, depth: number): void => {
    const alike = (seen.get(problem.code) ?? 0) + 1
    seen.set(problem.code, alike)
    if (alike > alikeMax || shown.length >= atMost) return
    shown.push({ ...problem, depth })
    for (const [index, each] of problems.entries()) {
      if (each.cause === place) show(each, index + 1, depth + 1)
    }
  }
  for (const [index, problem] of problems.entries()) {
    // Of a cause that there was no room for.
    if (problem.cause === 0 || problem.cause > problems.length) show(problem, index + 1, 0)
  }
  return shown
}

const alikeMax = 3
