/** Whether objects are of the types that Kubernetes' API has, down to the last key. */

import { join } from 'node:path'
import ts from 'typescript'

export interface KubernetesObject {
  readonly apiVersion: string
  readonly kind: string
}

/** One line for each fault. */
export function faultsOf(objects: readonly KubernetesObject[]): string[] {
  const lines = objects.map(({ apiVersion, kind }, index) => {
    const module = apiVersion.includes('/') ? apiVersion : `core/${apiVersion}`
    const literal = JSON.stringify(objects[index])
    // By a literal the compiler finds keys that the type does not have.
    return `const object${index}: import('kubernetes-types/${module}.js').${kind} = ${literal}`
  })
  const file = join(import.meta.dirname, 'objects.generated.ts')
  const options: ts.CompilerOptions = {
    module: ts.ModuleKind.NodeNext,
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
    lib: ['lib.es5.d.ts'],
  }
  const host = ts.createCompilerHost(options)
  const { getSourceFile, fileExists } = host
  host.fileExists = (name) => name === file || fileExists(name)
  host.getSourceFile = (name, ...more) =>
    name === file
      ? ts.createSourceFile(name, lines.join('\n'), ts.ScriptTarget.ESNext)
      : getSourceFile(name, ...more)
  const program = ts.createProgram([file], options, host)
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '))
}
