/** What is wrong with a configuration, where it was written, and how to mend it. */

export interface Problem {
  /** A flag, a variable, `file:line` or the name of a setting. */
  readonly where: string
  readonly message: string
  readonly mend: string
}

/** All problems as the lines that a person reads. */
export function printProblems(problems: readonly Problem[]): string {
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`
  const lines = problems.map(
    ({ where, message, mend }) => `  ${where}: ${message}${mend === '' ? '' : `; ${mend}`}`,
  )
  return [`starling: ${count} in the configuration`, ...lines].join('\n')
}
