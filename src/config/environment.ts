/** Settings from the environment. */

import { type FieldKey, fieldKeys, fields } from './fields.ts'
import { fileVariable, nearest, variableOf, variablePrefix } from './names.ts'
import type { Problem } from './problem.ts'
import { type Reading, type Source, splitList } from './source.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** An empty variable counts as absent: compose files and unit files set such ones all the time. */
export function readEnvironment(env: Environment): Source {
  const readings = new Map<FieldKey, Reading>()
  const problems: Problem[] = []
  for (const variable of Object.keys(env).sort()) {
    const value = env[variable]
    if (!variable.startsWith(variablePrefix) || variable === fileVariable || !value) continue
    const key = keyByVariable.get(variable)
    if (key === undefined || value.startsWith('tcp://')) {
      problems.push(unknownVariable(variable, value))
      continue
    }
    const texts = fields[key].list ? splitList(value) : [value]
    readings.set(key, {
      from: 'environment',
      where: variable,
      values: texts.map((text) => ({ text, where: variable })),
    })
  }
  return { readings, problems }
}

const keyByVariable: ReadonlyMap<string, FieldKey> = new Map(
  fieldKeys.map((key) => [variableOf(key), key]),
)

function unknownVariable(variable: string, value: string): Problem {
  // Kubernetes describes a Service named `starling` to every pod by variables that look like settings.
  if (value.startsWith('tcp://') || /^STARLING_(SERVICE_|PORT_[0-9])/.test(variable)) {
    return {
      where: variable,
      message: 'is a variable that Kubernetes adds for a Service named starling',
      mend: 'set enableServiceLinks: false in the pod',
    }
  }
  const known = nearest(variable, [...keyByVariable.keys(), fileVariable])
  return {
    where: variable,
    message: 'is an unknown variable',
    mend: known ? `did you mean ${known}?` : 'unset it; docs/configuration.md lists them all',
  }
}
